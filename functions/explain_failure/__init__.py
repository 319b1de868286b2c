"""The function `explain_failure`."""
