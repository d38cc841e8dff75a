"""Clustering of tracklets into identities under constraints, and how sure each is."""
