"""The function `stage_batch`."""
