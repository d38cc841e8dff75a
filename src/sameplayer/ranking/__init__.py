"""Distances, rankings, re-ranking and fusion."""
