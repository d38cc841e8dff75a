"""Verbs of match video."""
