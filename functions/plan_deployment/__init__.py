"""The function `plan_deployment`."""
