"""Folders of whole files, on a disk or in object storage, and arrays as Parquet tables."""
