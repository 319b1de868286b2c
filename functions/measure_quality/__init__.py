"""The function `measure_quality`."""
