"""Models and runs in the ledger: publications, the champion pointer, holdouts, and one item per run."""

from datetime import datetime
from typing import Any, Literal

from muster.aws.ledger import Condition, Ledger
from muster.contracts.base import iso, parse
from muster.contracts.evaluation import Champion, HoldoutRef
from muster.contracts.pipeline import Publication, Run
from muster.errors import HoldoutMissing, NotFound

HoldoutKind = Literal["reference", "recent"]


class Models:
    """MODEL#<name> items."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def publication(self, model: str, spec_digest: str | None = None) -> Publication:
        """Return the publication that the model's pointer names, or the one of a spec digest.

        Raises
        ------
        NotFound
            When the model was never published, or not with that spec.
        """
        sk = f"PUBLICATION#{spec_digest}" if spec_digest else "PUBLICATION"
        item = self._ledger.get(_pk(model), sk)
        if item is None and spec_digest:
            raise NotFound(
                f"spec_digest: found no publication {spec_digest} of model {model!r}, wanted a published one"
            )
        if item is None:
            raise NotFound(f"model: found no publication of {model!r}, wanted one: run `muster publish models/{model}`")
        return parse(Publication, item, f"ledger: publication of {model}")

    def champion(self, model: str) -> Champion | None:
        """Return the model in production, as last recorded; None when none ever was."""
        item = self._ledger.get(_pk(model), "CHAMPION")
        return parse(Champion, item, f"ledger: champion of {model}") if item else None

    def move_champion(self, model: str, champion: Champion) -> bool:
        """Move the pointer, never back in time: False when a later one stands."""
        older = Condition("attribute_not_exists(pk) OR since <= :since", values={"since": iso(champion.since)})
        return self._ledger.put(_pk(model), "CHAMPION", champion.payload(), older)

    def holdout(self, model: str, kind: HoldoutKind) -> HoldoutRef | None:
        """Return a model's current holdout of a kind."""
        item = self._ledger.get(_pk(model), f"HOLDOUT#{kind}")
        return parse(HoldoutRef, item, f"ledger: {kind} holdout of {model}") if item else None

    def needed_holdout(self, model: str, kind: HoldoutKind) -> HoldoutRef:
        """Return a holdout that the judgement cannot do without.

        Raises
        ------
        HoldoutMissing
            When it was never put.
        """
        found = self.holdout(model, kind)
        if found is None:
            raise HoldoutMissing(
                f"holdout: found no {kind} holdout of {model!r}, wanted one: run `muster data put` with it"
            )
        return found


class Runs:
    """RUN#<run> items."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, run: Run) -> None:
        """Record a run; the same run again changes nothing."""
        document = {
            "execution_arn": run.execution_arn,
            "model": run.model,
            "trigger": run.trigger,
            "spec_digest": run.spec_digest,
            "started_at": iso(run.started_at),
        }
        self._ledger.put(_run(run.run), "RUN", document, Condition("attribute_not_exists(pk)"))

    def get(self, run: str) -> dict[str, Any] | None:
        """Return a run's item."""
        return self._ledger.get(_run(run), "RUN")

    def fail(self, run: str, error: str, at: datetime) -> bool:
        """Record the error that ended a run; False when there is no such run."""
        return self._ledger.update(
            _run(run), "RUN", {"error": error, "failed_at": iso(at)}, Condition("attribute_exists(pk)")
        )


def _pk(model: str) -> str:
    return f"MODEL#{model}"


def _run(run: str) -> str:
    return f"RUN#{run}"
