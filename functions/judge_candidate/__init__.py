"""The function `judge_candidate`."""
