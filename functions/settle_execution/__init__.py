"""The function `settle_execution`."""
