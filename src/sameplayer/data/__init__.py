"""Crops: sources, checks, pictures, batches."""
