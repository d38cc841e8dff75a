"""Protocols, scores, the submission file and the report."""
