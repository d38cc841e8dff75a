"""Losses: InfoNCE and what it is compared with."""
