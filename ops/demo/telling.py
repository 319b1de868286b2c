"""Eight numbered lines that are filled in while things happen, and the tables at the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.text import Text

from ops.console import out


class Line:
    """One numbered line: what is going on now, then what came of it and in how many real seconds."""

    def __init__(self, number: int, title: str) -> None:
        self.number, self.title = number, title
        self.facts: list[str] = []
        self.seconds = 0.0

    def say(self, fact: str) -> None:
        """Add what came of it; printed when the line is done."""
        self.facts.append(fact)


class Teller:
    """Prints the story. On a terminal the line in hand shows that it lives; in a file only finished lines appear."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    @contextmanager
    def line(self, title: str) -> Iterator[Line]:
        """Tell one numbered line; the seconds are real ones."""
        line, begun = Line(len(self.lines) + 1, title), time.monotonic()
        self.lines.append(line)
        with out.status(f"{line.number}  {title} …", spinner="dots"):
            yield line
        line.seconds = time.monotonic() - begun
        out.print(Text.assemble((f"{line.number}  {line.title}", "bold"), (f"  {line.seconds:.1f} s", "dim")))
        for fact in line.facts:
            out.print(f"     {fact}")
