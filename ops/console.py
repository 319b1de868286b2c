"""What the command prints: one place for the console, for tables and for the one line of an error."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

# No markup: what is printed holds other people's words, and "[...]" in them is theirs.
# In a file or a pipe nothing is folded, so that an ARN stays one word.
_FILE_WIDTH = None if sys.stdout.isatty() else 300
out = Console(highlight=False, soft_wrap=True, markup=False, width=_FILE_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

OK = 0
FAILED = 1
BAD_INPUT = 2
NOT_REACHED = 3
EXIT_STATUSES = (
    "Exit status: 0 done; 1 a fault, told in one line; 2 bad input; 3 the execution ended without what was asked for "
    "(failed_gate, kept_champion, rejected, expired, refused, suppressed; of monitoring all but none and warn)."
)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> Table:
    """Return a plain table; the columns whose index is in ``right`` are aligned to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made
