"""Which states, Choice branches and catches of a state machine have been taken by the traces of a test run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.stepfunctions.validation import scopes
from rehearsal.trace import Trace

KINDS = ("states", "branches", "catches")


@dataclass
class Coverage:
    """Accumulates traces over one definition.

    Attributes
    ----------
    name
        Of the state machine, for the table.
    definition
        The parsed ASL document.
    """

    name: str
    definition: Mapping[str, Any]
    taken: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})

    def add(self, *traces: Trace) -> None:
        """Count what the traces have taken."""
        for trace in traces:
            self.taken["states"].update(trace.states)
            self.taken["branches"].update(f"{state}[{branch}]" for state, branch in trace.choices)
            self.taken["catches"].update(f"{state}[{index}]" for state, _, index in trace.catches)

    def all(self) -> dict[str, list[str]]:
        """Return all that can be taken: states by name, branches and catches as ``state[index]``."""
        found: dict[str, list[str]] = {kind: [] for kind in KINDS}
        for scope, _ in scopes(dict(self.definition)):
            for name, state in scope["States"].items():
                found["states"].append(name)
                found["branches"] += [f"{name}[{index}]" for index in range(len(state.get("Choices", [])))]
                if state["Type"] == "Choice" and "Default" in state:
                    found["branches"].append(f"{name}[default]")
                found["catches"] += [f"{name}[{index}]" for index in range(len(state.get("Catch", [])))]
        return found

    def missing(self) -> dict[str, list[str]]:
        """Return what no trace has taken, in the order of the definition."""
        return {kind: [each for each in every if each not in self.taken[kind]] for kind, every in self.all().items()}

    def complete(self, kinds: Iterable[str] = ("states", "branches")) -> bool:
        """Whether everything of these kinds has been taken."""
        missing = self.missing()
        return not any(missing[kind] for kind in kinds)


def table(coverages: Sequence[Coverage]) -> str:
    """Return a plain text table, one line per state machine with percentages, and below it what is missing."""
    header = ("state machine", *KINDS)
    rows = [_row(each) for each in sorted(coverages, key=lambda each: each.name)]
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [_line(header, widths), _line(tuple("-" * width for width in widths), widths)]
    lines += [_line(row, widths) for row in rows]
    for each in sorted(coverages, key=lambda each: each.name):
        for kind, left in each.missing().items():
            if left:
                lines.append(f"{each.name}: {kind} never taken: {', '.join(left)}")
    return "\n".join(lines)


def _row(coverage: Coverage) -> tuple[str, ...]:
    every, missing = coverage.all(), coverage.missing()
    cells = []
    for kind in KINDS:
        total, taken = len(every[kind]), len(every[kind]) - len(missing[kind])
        cells.append(f"{taken}/{total} {taken / total:4.0%}" if total else "-")
    return (coverage.name, *cells)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *rest = [cell.ljust(width) if index == 0 else cell.rjust(width)
                    for index, (cell, width) in enumerate(zip(cells, widths, strict=True))]  # fmt: skip
    return "  ".join([first, *rest]).rstrip()
