"""The function `record_decision`."""
