"""The function `plan_evaluation`."""
