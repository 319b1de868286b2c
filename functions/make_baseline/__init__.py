"""The function `make_baseline`."""
