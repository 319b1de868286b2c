"""The function `govern_retraining`."""
