"""Monitoring in the ledger: where the watching of an endpoint stands, and the windows that were assessed.

Windows are kept as long as the next reports and the search for late files need them; the evidence bucket keeps all.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from muster.aws.ledger import NEW, Condition, Ledger, without_keys
from muster.contracts.base import iso, parse
from muster.contracts.deployment import HistoryRecord
from muster.contracts.monitoring import Watched, WatchState, WindowRecord

KEPT = 100
"""Windows that are kept, of an endpoint or of a model's batches: two days of hours for late files, and the reports' 48."""
_STATE, _WINDOW = "MONITORING", "WINDOW#"


class Monitoring:
    """ENDPOINT#<e> / MONITORING, and WINDOW#… items."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def state(self, endpoint: str) -> WatchState | None:
        """Return where the watching of an endpoint stands; None when it was never looked at."""
        item = self._ledger.get(f"ENDPOINT#{endpoint}", _STATE)
        return parse(WatchState, item, f"ledger: monitoring of {endpoint}") if item else None

    def advance(self, endpoint: str, seen: WatchState | None, new: WatchState) -> bool:
        """Replace the state that was seen; False when another run was faster."""
        unchanged = Condition("attribute_not_exists(pk)")
        if seen is not None:
            unchanged = Condition("version = :seen", values={"seen": seen.version})
        return self._ledger.put(f"ENDPOINT#{endpoint}", _STATE, new.payload(), unchanged)

    def window(self, watched: Watched) -> WindowRecord | None:
        """Return what this run has recorded already."""
        item = self._ledger.get(_pk(watched), _sk(watched))
        return parse(WindowRecord, item, "ledger: window") if item else None

    def keep(self, watched: Watched, record: WindowRecord) -> bool:
        """Record a window, and drop those that nobody needs any more; False when this run has recorded it already."""
        new = self._ledger.put(_pk(watched), _sk(watched), record.payload(), NEW)
        for old in islice(self._ledger.below(_pk(watched), _WINDOW, newest_first=True), KEPT, None):
            self._ledger.delete(old["pk"], old["sk"], Condition("attribute_exists(pk)"))
        return new

    def windows(self, watched: Watched) -> list[WindowRecord]:
        """Return the windows of an endpoint, or of a model's batches, that are recorded; by their end, the oldest first."""
        items = self._ledger.below(_pk(watched), _WINDOW)
        return [parse(WindowRecord, without_keys(item), "ledger: window") for item in items]

    def judged_after(self, endpoint: str, moment: datetime) -> Iterator[WindowRecord]:
        """Yield an endpoint's windows that ended after a time and had a verdict that counted, the newest first."""
        for item in self._ledger.below(f"ENDPOINT#{endpoint}", _WINDOW, newest_first=True):
            if str(item["sk"]) <= f"{_WINDOW}{iso(moment)}":
                return
            record = parse(WindowRecord, without_keys(item), "ledger: window")
            if record.counted and record.result.outcome != "insufficient":
                yield record

    def serving(self) -> Iterator[HistoryRecord]:
        """Yield the record of what serves of every endpoint."""
        for item in self._ledger.everywhere(Condition("sk = :live", values={"live": "LIVE"})):
            yield parse(HistoryRecord, without_keys(item), "ledger: live")


def _pk(watched: Watched) -> str:
    return f"MODEL#{watched.model}" if watched.subject == "batch" else f"ENDPOINT#{watched.endpoint}"


def _sk(watched: Watched) -> str:
    return f"{_WINDOW}{iso(watched.window.end)}#{watched.run}"
