"""Weights on disk: ours and those of other programs, read without running a pickle."""
