"""Files of findings and devices: CSV, JSON lines and Parquet as streams of raw rows, read in bounded memory."""
