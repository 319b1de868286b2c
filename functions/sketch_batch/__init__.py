"""The function `sketch_batch`."""
