"""The retrain governor's counters in the ledger, and every decision that it took."""

from collections.abc import Iterator
from datetime import datetime

from muster.aws.ledger import NEW, Condition, Ledger
from muster.contracts.base import iso, parse
from muster.contracts.retraining import RetrainingDecision, RetrainingRequest, RetrainingState


class Retraining:
    """MODEL#<name> / RETRAINING and DECISION#… items."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def state(self, model: str) -> RetrainingState:
        """Return a model's counters; zero when it was never retrained."""
        item = self._ledger.get(_pk(model), "RETRAINING")
        return parse(RetrainingState, item, f"ledger: retraining of {model}") if item else RetrainingState()

    def advance(self, model: str, seen: RetrainingState, new: RetrainingState) -> bool:
        """Replace the counters that were seen; False when another request was faster."""
        unchanged = Condition("version = :seen", values={"seen": seen.version})
        if seen.version == 0:
            unchanged = Condition("attribute_not_exists(pk) OR version = :seen", values={"seen": 0})
        return self._ledger.put(_pk(model), "RETRAINING", new.payload(), unchanged)

    def models(self) -> Iterator[str]:
        """Yield every model that was ever retrained. A scan: for the sweep of `reconcile`."""
        for item in self._ledger.everywhere(Condition("sk = :sk", values={"sk": "RETRAINING"})):
            yield str(item["pk"]).partition("#")[2]

    def told(self, model: str, execution: str) -> bool:
        """Note that people were told of an execution's end; False when another one is in question by now."""
        same = Condition("escalated = :execution", values={"execution": execution})
        return self._ledger.update(_pk(model), "RETRAINING", {"told": True}, same)

    def decision(self, model: str, at: datetime, execution_name: str) -> RetrainingDecision | None:
        """Return the decision that an execution took, when this is a repeat of it."""
        item = self._ledger.get(_pk(model), _sk(at, execution_name))
        if item is None:
            return None
        known = {key: value for key, value in item.items() if key not in ("cause", "request")}
        return parse(RetrainingDecision, known, f"ledger: decision on {model}")

    def record(
        self, decision: RetrainingDecision, request: RetrainingRequest, at: datetime, execution_name: str
    ) -> bool:
        """Keep a decision with its reason and request; a repeat changes nothing."""
        document = {**decision.payload(), "cause": request.cause, "request": request.payload()}
        return self._ledger.put(_pk(decision.model), _sk(at, execution_name), document, NEW)


def _pk(model: str) -> str:
    return f"MODEL#{model}"


def _sk(at: datetime, execution_name: str) -> str:
    return f"DECISION#{iso(at)}#{execution_name}"
