"""Answers about pairs, and what follows from them."""
