"""The function `list_endpoints`."""
