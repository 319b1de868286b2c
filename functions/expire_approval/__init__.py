"""The function `expire_approval`."""
