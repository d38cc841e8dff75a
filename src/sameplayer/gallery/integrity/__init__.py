"""The audit: whether the gallery is as it was written."""
