"""What the tests of the checks share: one copy of what deploys, whole again after each test."""

from collections.abc import Iterator

import pytest
from broken_tree import BrokenTree


@pytest.fixture(scope="session")
def _copied(tmp_path_factory: pytest.TempPathFactory) -> BrokenTree:
    return BrokenTree(tmp_path_factory.mktemp("broken"))


@pytest.fixture
def copy(_copied: BrokenTree) -> Iterator[BrokenTree]:
    """A copy of what deploys, to be broken."""
    yield _copied
    _copied.mend()
