"""The function `plan_window`."""
