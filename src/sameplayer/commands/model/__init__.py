"""Verbs of encoders and training."""
