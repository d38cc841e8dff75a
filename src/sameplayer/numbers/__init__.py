"""Shirt numbers: readers, reading over tracks, tables, sheet and scores."""
