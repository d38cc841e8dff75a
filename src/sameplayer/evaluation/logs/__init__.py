"""Scores and the HTML page of a player log."""
