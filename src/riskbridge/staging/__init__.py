"""Raw rows as received: Parquet by run and stream, with a manifest that says what was asked and what came."""
