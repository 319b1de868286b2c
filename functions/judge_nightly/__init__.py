"""The function `judge_nightly`."""
