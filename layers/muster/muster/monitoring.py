"""Which window of an endpoint's traffic is looked at, and which captured files are in it. Pure rules.

Without a window in the request it begins where the last one with a verdict ended, so that windows with too few rows are
joined with the next, and ends with the last full hour. Files that came too late for their own window are counted in the
next one that is planned so.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from muster.captures import HOUR, CapturedFile, gaps, hour_of, packed
from muster.contracts.base import iso
from muster.contracts.monitoring import CapturedObject, MonitoringPlan, SketchBatch, Watched, Window
from muster.contracts.policy import MonitoringFloor
from muster.contracts.spec_monitoring import MonitoringSpec
from muster.digests import sha256
from muster.errors import ContractError, DataRefused

MOST_ENDPOINTS = 300
"""Endpoints of one sweep: their names stay below 32 KiB, a state's bound, at 63 characters each."""
MOST_HOURS = 31 * 24
"""Longest window that a person may ask for."""
_TOLD_GAPS = 20
_ID = 16


@dataclass(frozen=True)
class Judged:
    """A window that counted, and the ids of the files that were in it (`file_id`)."""

    window: Window
    files: frozenset[str]


def file_id(uri: str) -> str:
    """Return the short name by which a file is remembered: 64 bits of its URI's sha256."""
    return sha256(uri.encode())[:_ID]


def due(judged_to: datetime | None, serves_since: datetime, entered_at: datetime, spec: MonitoringSpec) -> Window | str:
    """Return the window that is due, or why there is none yet.

    Parameters
    ----------
    judged_to
        End of the last window with a verdict; None when there is none.
    serves_since
        What an earlier model was asked is not this one's.
    entered_at
        The window ends with the last full hour before.
    """
    end = hour_of(entered_at)
    start = max(end - timedelta(hours=spec.max_window_hours), serves_since, *([judged_to] if judged_to else []))
    if start >= end:
        since = "the last verdict" if judged_to == start else "this model serves"
        return f"no full hour has passed since {iso(start)}, when {since}: the next window ends at {iso(end + HOUR)}"
    return Window(start=start, end=end)


def asked(window: Window, entered_at: datetime) -> Window:
    """Return the window that a person asks for.

    Raises
    ------
    ContractError
        When it is not over, or longer than a month.
    """
    if window.end > entered_at:
        raise ContractError(f"window: end: found {iso(window.end)}, wanted a time that has passed ({iso(entered_at)})")
    length = (window.end - window.start) / HOUR
    if length > MOST_HOURS:
        raise ContractError(f"window: found {length:.0f} hours, wanted at most {MOST_HOURS}")
    return window


def late(files: Iterable[CapturedFile], judged: Collection[Judged]) -> list[CapturedFile]:
    """Return the files of earlier windows that those were judged without."""
    seen = frozenset().union(*(each.files for each in judged))
    return [
        each
        for each in files
        if any(one.window.start <= each.at < one.window.end for one in judged) and file_id(each.uri) not in seen
    ]


def batches_of(
    files: Sequence[CapturedFile], late_files: Sequence[CapturedFile], floor: MonitoringFloor
) -> list[SketchBatch]:
    """Pack a window's files, the late ones last.

    Raises
    ------
    DataRefused
        When they are more than a run may count.
    """
    behind = {each.uri for each in late_files}
    batches = packed([*files, *late_files], floor.batch_bytes)
    if len(batches) > floor.max_batches:
        raise DataRefused(
            f"window: found {len(batches)} batches of {floor.batch_bytes} bytes, wanted at most {floor.max_batches}: "
            "ask for a shorter window"
        )
    return [
        SketchBatch(
            number=number,
            files=tuple(
                CapturedObject(uri=e.uri, version_id=e.version_id, bytes=e.bytes, late=e.uri in behind) for e in batch
            ),
        )
        for number, batch in enumerate(batches)
    ]


def ready(
    watched: Watched,
    spec: MonitoringSpec,
    files: Sequence[CapturedFile],
    late_files: Sequence[CapturedFile],
    batches: int,
) -> MonitoringPlan:
    """Return the plan of a window in which there is something to count."""
    empty = gaps(files, watched.window.start, watched.window.end)
    told = [*empty[:_TOLD_GAPS], *([f"and {len(empty) - _TOLD_GAPS} more"] if len(empty) > _TOLD_GAPS else [])]
    count = len(files) + len(late_files)
    behind = f", {len(late_files)} of them late" if late_files else ""
    return MonitoringPlan(
        status="ready",
        reason=f"{count} files{behind} from {spelled(watched.window)}",
        endpoint=watched.endpoint,
        watched=watched,
        batches=batches,
        files=count,
        bytes=sum(each.bytes for each in [*files, *late_files]),
        late_files=len(late_files),
        gaps=tuple(told),
        attribution=spec.attribution is not None,
    )


def insufficient(endpoint: str, reason: str) -> MonitoringPlan:
    """Return the plan that there is nothing to count."""
    return MonitoringPlan(status="insufficient", reason=reason, endpoint=endpoint)


def spelled(window: Window) -> str:
    """Return a window as the ledger, events and reports name it; such names sort by time."""
    return f"{iso(window.start)}/{iso(window.end)}"
