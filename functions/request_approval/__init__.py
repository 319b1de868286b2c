"""The function `request_approval`."""
