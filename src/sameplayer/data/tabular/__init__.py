"""Tables from other programs: CSV, Excel and Parquet, their encodings and column names."""
