"""The player log: assembled, saved, loaded, and its crops."""
