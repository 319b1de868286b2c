"""The layer."""
