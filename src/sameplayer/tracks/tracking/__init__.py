"""Boxes to tracklets: the tracker, its motion model, and trackers of other packages."""
