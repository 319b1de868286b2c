"""The function `seal_baseline`."""
