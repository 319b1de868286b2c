"""The function `verify_deployment`."""
