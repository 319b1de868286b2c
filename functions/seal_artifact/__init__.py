"""The function `seal_artifact`."""
