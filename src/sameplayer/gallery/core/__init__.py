"""The gallery itself: records, settings, events, and the mean embedding of each person."""
