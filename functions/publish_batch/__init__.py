"""The function `publish_batch`."""
