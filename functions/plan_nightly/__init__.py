"""The function `plan_nightly`."""
