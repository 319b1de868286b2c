"""Batches in the ledger: which inputs were tried, and what became of each batch.

``BATCHED#<inputs digest>`` is written when a batch is staged and completed when it is published; ``BATCH#<time>#<run>`` is
its entry in the model's history.
"""

from datetime import datetime

from muster.aws.ledger import NEW, Condition, Ledger, without_keys
from muster.contracts.base import iso, parse
from muster.contracts.batch import BatchMark, BatchRecord


class Batches:
    """Items of a model's batches."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def mark(self, model: str, inputs_digest: str) -> BatchMark | None:
        """Return who tried these inputs last, and how it ended; None when nobody has."""
        item = self._ledger.get(_pk(model), _mark(inputs_digest))
        return parse(BatchMark, item, f"ledger: batch of {model}") if item else None

    def tried(self, model: str, run: str) -> set[str]:
        """Return the digests of the inputs that any other run has tried."""
        items = self._ledger.below(_pk(model), _mark(""))
        return {str(item["sk"]).removeprefix(_mark("")) for item in items if item["run"] != run}

    def begin(self, model: str, inputs_digest: str, run: str, at: datetime, *, first: bool) -> bool:
        """Mark inputs as tried by a run.

        Parameters
        ----------
        first
            Only if nobody has tried them: False when somebody else has. The same run may begin again.
        """
        document = BatchMark(run=run, at=at).payload()
        condition = None
        if first:
            condition = Condition(f"{NEW.expression} OR #run = :run", {"run": "run"}, {"run": run})
        return self._ledger.put(_pk(model), _mark(inputs_digest), document, condition)

    def finish(self, model: str, record: BatchRecord) -> None:
        """Keep a batch, and how the run that has its mark ended. The same record again replaces itself."""
        self._ledger.put(_pk(model), f"BATCH#{iso(record.at)}#{record.run}", record.payload())
        mark = BatchMark(
            run=record.run,
            at=record.at,
            package_arn=record.package_arn,
            outcome=record.outcome,
            batch_uri=record.batch_uri,
        )
        mine = Condition("#run = :run", {"run": "run"}, {"run": record.run})
        # Another run that began later has the mark: it says how that one ends.
        self._ledger.put(_pk(model), _mark(record.inputs_digest), mark.payload(), mine)

    def history(self, model: str) -> list[BatchRecord]:
        """Return a model's batches, newest first."""
        items = self._ledger.below(_pk(model), "BATCH#", newest_first=True)
        return [parse(BatchRecord, without_keys(item), "ledger: batch") for item in items]


def _pk(model: str) -> str:
    return f"MODEL#{model}"


def _mark(inputs_digest: str) -> str:
    return f"BATCHED#{inputs_digest}"
