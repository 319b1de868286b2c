"""The function `register_model`."""
