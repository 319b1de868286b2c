"""What all tests share."""

pytest_plugins = ("tests.state_machines.coverage_table",)
