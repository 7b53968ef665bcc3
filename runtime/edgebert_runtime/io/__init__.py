"""Rows in and answers out: CSV, JSON lines, Parquet, text and NumPy files."""
