"""The function `sample_rows`."""
