"""`muster clean`: empties a dev installation, so that it can begin anew or its stacks can be removed.

What the stacks declare stays. Elsewhere than in dev, removal is a decision that people take step by step: there the
command refuses, and docs/upgrade-and-remove.md has the order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from muster.aws.s3 import Lock
from muster.errors import Refused
from ops import belongings
from ops.belongings import Found
from ops.console import FAILED, OK, err, out, table
from ops.installation import Installation

_ROUNDS = 3
"""Looks at most: what is stopped may still write a record, which the next look finds."""
_SHOWN = 3
"""Names that the table shows of each kind."""
_GUIDE = "docs/upgrade-and-remove.md"


@dataclass(frozen=True)
class Survey:
    """What is there: what goes, in the order of removal, what stays, and the ledger, which goes last."""

    goes: tuple[Found, ...]
    stays: tuple[tuple[str, int, str], ...]
    ledger: Found

    @property
    def empty(self) -> bool:
        """Whether nothing is left to remove."""
        return not any(each.names for each in (*self.goes, self.ledger))


def clean(installation: Installation, confirm: Callable[[], bool]) -> int:
    """Show what an installation has made outside its stacks, and remove it once a person has confirmed.

    Parameters
    ----------
    confirm
        Asked once, after the table was shown; only its yes removes anything.

    Returns
    -------
    int
        The exit status: 0 when nothing is left but what the table says stays, 1 when something else is.

    Raises
    ------
    Refused
        In any environment but dev, or without the confirmation; nothing was removed then.
    """
    if installation.environment != "dev":
        raise Refused(
            f"environment: found {installation.environment!r} for prefix {installation.prefix!r}, wanted 'dev': evidence and "
            f"serving models are not removed by a command; {_GUIDE} has the steps"
        )
    survey = look(installation)
    show(survey)
    if survey.empty:
        out.print("nothing to remove")
        return OK
    if not confirm():
        raise Refused(f"prefix: wanted {installation.prefix!r} typed as it is; nothing was removed")
    return _remove(installation, survey)


def look(installation: Installation) -> Survey:
    """Find everything; a bucket under Object Lock is counted, not emptied."""
    finders = (
        belongings.executions,
        belongings.jobs,
        belongings.endpoints,
        belongings.endpoint_configs,
        belongings.models,
        belongings.alarms,
        belongings.packages,
        belongings.groups,
    )
    goes = [find(installation) for find in finders]
    lock = Lock(installation.object_lock, installation.object_lock_days, installation.buckets["evidence"])  # type: ignore[arg-type]
    stays = []
    for bucket in installation.buckets.values():
        found = belongings.objects(installation, bucket)
        if not belongings.locked(installation, bucket):
            goes.append(found)
        elif found.names:
            why = f"Object Lock ({lock.mode_in(bucket).lower()}, {lock.days} days); see {_GUIDE}"
            stays.append((found.kind, len(found.names), why))
    return Survey(tuple(goes), tuple(stays), belongings.items(installation))


def show(survey: Survey) -> None:
    """Print what goes and what stays."""
    there = [each for each in (*survey.goes, survey.ledger) if each.names]
    if there:
        rows = [(each.kind, len(each.names), _some(each.names)) for each in there]
        out.print(table(["is removed", "how many", "such as"], rows, right=(1,)))
    if survey.stays:
        out.print(table(["stays", "how many", "why"], survey.stays, right=(1,)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _remove(installation: Installation, survey: Survey) -> int:
    faults: list[str] = []
    for _ in range(_ROUNDS):
        faults = _remove_once(survey)
        survey = look(installation)
        if survey.empty:
            out.print(f"removed: nothing of {installation.prefix} is left outside its stacks but what stays")
            return OK
    for fault in faults:
        err.print(fault)
    left = ", ".join(f"{each.kind} ({len(each.names)})" for each in (*survey.goes, survey.ledger) if each.names)
    err.print(f"left: {left}; run `muster clean` again, it goes on where it stopped")
    return FAILED


def _remove_once(survey: Survey) -> list[str]:
    """Remove what goes, and the ledger only after all of it: running jobs are known by it."""
    faults = []
    for found in survey.goes:
        if found.names:
            out.print(f"  {found.kind}: {len(found.names)}")
            faults += found.remove()
    return faults or survey.ledger.remove()
