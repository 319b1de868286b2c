"""``docs/requirements.md`` has every requirement once, with a status that its other columns bear out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "requirements.md"
COUNTS = {"U": 6, "D": 6, "T": 5, "E": 4, "R": 6, "A": 3, "P": 7, "M": 6, "S": 7}
IDS = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    id: str
    requirement: str
    status: str
    tests: tuple[str, ...]
    remark: str


def rows() -> Iterator[Row]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| [A-Z]\d+ \|", line):
            cells = [each.strip() for each in line.strip("|").split("|")]
            assert len(cells) == 5, line
            yield Row(cells[0], cells[1], cells[2], tuple(re.findall(r"`([^`]+)`", cells[3])), cells[4])


@cache
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_requirement_is_there_once() -> None:
    assert [each.id for each in rows()] == IDS


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_the_tests_named_exist(row: Row) -> None:
    for each in row.tests:
        path, _, name = each.partition("::")
        assert (ROOT / path).is_file(), f"{row.id}: {path} is not there"
        assert name.startswith("test_"), f"{row.id}: {each} names no test"
        assert name in functions_in(path), f"{row.id}: {path} has no {name}"


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_a_status_is_borne_out(row: Row) -> None:
    assert row.requirement
    assert row.status in ("covered", "partly", "not yet", "declined")
    if row.status in ("covered", "partly"):
        assert row.tests, f"{row.id} is {row.status}: wanted the tests that show it"
    else:
        assert not row.tests, f"{row.id} is {row.status}: found tests that show it"
    if row.status in ("partly", "declined"):
        assert row.remark, f"{row.id} is {row.status}: wanted what is missing, or why"
