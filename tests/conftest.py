"""What all tests share."""

import pytest

pytest_plugins = ("tests.state_machines.coverage_table",)

_FIRST = ("moto", "stage", "watched", "adding", "served")
"""moto before all others: `mock_aws` empties the backends of its process, so no rehearsal may live there yet."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Go on with the groups that take longest and cannot be divided, so that no worker is left alone with one at the end."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    mark = item.get_closest_marker("xdist_group")
    group = mark.args[0] if mark else None
    return _FIRST.index(group) if group in _FIRST else len(_FIRST)
