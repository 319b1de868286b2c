"""The function `plan_rollback`."""
