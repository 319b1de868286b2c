"""The function `assess_window`."""
