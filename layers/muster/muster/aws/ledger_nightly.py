"""Nightly evaluations in the ledger: ENDPOINT#<e> / NIGHTLY#<time>#<run>, a night each."""

from itertools import islice

from muster.aws.ledger import Ledger, without_keys
from muster.contracts.base import iso, parse
from muster.contracts.nightly import NightlyRecord

NIGHTS = 59
"""Nights that a report shows before its own: with it they are sixty."""
_NIGHT = "NIGHTLY#"


class Nights:
    """An endpoint's nights."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def keep(self, endpoint: str, record: NightlyRecord) -> None:
        """Record a night. The same one again replaces itself."""
        self._ledger.put(_pk(endpoint), f"{_NIGHT}{iso(record.at)}#{record.run}", record.payload())

    def history(self, endpoint: str, run: str, most: int = NIGHTS) -> list[NightlyRecord]:
        """Return the last nights, the newest first, without that of a run."""
        items = self._ledger.below(_pk(endpoint), _NIGHT, newest_first=True)
        found = (parse(NightlyRecord, without_keys(item), "ledger: night") for item in items)
        return list(islice((each for each in found if each.run != run), most))


def _pk(endpoint: str) -> str:
    return f"ENDPOINT#{endpoint}"
