"""Boxes as annotators, trackers and data sets write them, each format read into one table."""
