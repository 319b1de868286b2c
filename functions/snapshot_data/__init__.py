"""The function `snapshot_data`."""
