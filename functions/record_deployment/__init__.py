"""The function `record_deployment`."""
