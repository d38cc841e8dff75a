"""Deletion: forgetting, retention, the search for remaining bytes, and subject access."""
