"""The count of what the runs have taken comes last."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the counting test at the end."""
    items.sort(key=lambda item: item.path == HERE / "test_zz_coverage.py")
