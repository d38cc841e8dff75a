"""Verbs of ranking and scores."""
