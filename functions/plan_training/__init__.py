"""The function `plan_training`."""
