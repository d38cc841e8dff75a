"""Shared by every stage: statistics and vector arithmetic that know nothing of pictures."""
