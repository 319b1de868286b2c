"""The function `resolve_request`."""
