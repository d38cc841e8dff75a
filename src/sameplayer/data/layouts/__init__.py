"""Layouts of data sets: folders and file names that become one crop table."""
