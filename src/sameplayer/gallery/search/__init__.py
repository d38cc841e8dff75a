"""Queries: who a picture shows, with calibrated probabilities."""
