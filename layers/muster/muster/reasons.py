"""Reasons that travel: the decisive ones, each short enough, so that a payload of a workflow stays small.

A rule may give a reason for each value of a slice or each golden record, which can be thousands; all of them are in the
report or the log.
"""

from collections.abc import Sequence

MOST = 40
LONGEST = 250


def told(reasons: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the first reasons, cut to a line each, and how many more there are.

    Parameters
    ----------
    where
        Where all of them can be read, such as "the report".
    """
    shown = tuple(each if len(each) <= LONGEST else each[: LONGEST - 1] + "…" for each in reasons[:MOST])
    left = len(reasons) - len(shown)
    return (*shown, f"and {left} more: see {where}") if left else shown
