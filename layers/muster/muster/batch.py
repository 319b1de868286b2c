"""Batch inference: which objects are a batch, what a batch file has to look like, what becomes of the predictions."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta

from muster import digests, naming
from muster.contracts.batch import ArrivedObject, BatchRequest, Conclusion, OnDrift
from muster.contracts.monitoring import MonitoringOutcome, Window, WindowOutcome
from muster.errors import ContractError, DataRefused

MOST_OBJECTS = 1_000
"""Objects of one batch: each is opened in turn by one function."""
QUIET = timedelta(minutes=15)
_UNVERSIONED = ("", "null")
_DOUBTFUL: frozenset[WindowOutcome] = frozenset({"suspected", "drift", "inconclusive"})
"""Verdicts on a batch's rows under which nobody should take its predictions without a look."""


# -- what is a batch ---------------------------------------------------------------------------------------------------
def prefix_of(request: BatchRequest) -> str:
    """Return where the batch is.

    Raises
    ------
    ContractError
        When that is not below the model's own batches.
    """
    below = naming.batch_prefix(request.model)
    prefix = request.prefix or below
    if not prefix.startswith(below) or any(part in (".", "..") for part in prefix.split("/")):
        raise ContractError(f"prefix: found {prefix!r}, wanted a folder or an object below {below}")
    return prefix


def select(bucket: str, prefix: str, listed: Iterable[ArrivedObject], largest_bytes: int) -> tuple[ArrivedObject, ...]:
    """Return the objects of a batch, sorted by key: all below a folder, or the one object of that key.

    Raises
    ------
    DataRefused
        Nothing there, an object without a version or without bytes, or too much.
    """
    place = f"s3://{bucket}/{prefix}"
    whole = prefix.endswith("/")
    found = sorted((each for each in listed if whole or each.key == prefix), key=lambda each: each.key)
    if not found:
        hint = "" if whole else ", or a folder: its prefix ends with /"
        raise DataRefused(f"{place}: found no object, wanted the batch's CSV files there{hint}")
    for each in found:
        name = f"s3://{bucket}/{each.key}"
        if each.version_id in _UNVERSIONED:
            raise DataRefused(f"{name}: found no version id, wanted one: turn versioning on and put the object again")
        if each.bytes == 0:
            raise DataRefused(f"{name}: found an empty object, wanted rows: remove it or put it again")
    if len(found) > MOST_OBJECTS:
        raise DataRefused(f"{place}: found {len(found)} objects, wanted at most {MOST_OBJECTS} in one batch: join them")
    total = sum(each.bytes for each in found)
    if total > largest_bytes:
        raise DataRefused(
            f"{place}: found {total} bytes, policy.yaml allows at most {largest_bytes} (monitoring.input_bytes): "
            "predict it in several folders"
        )
    return tuple(found)


def inputs_digest(objects: Sequence[ArrivedObject]) -> str:
    """Return what names a batch: the digest of its objects' keys and versions, whatever folder it was asked for by."""
    return digests.digest_of({"objects": [[each.key, each.version_id] for each in objects]})


def batches_in(model: str, listed: Iterable[ArrivedObject]) -> dict[str, tuple[ArrivedObject, ...]]:
    """Return the batches that a schedule sees: each folder and each object right below raw/<model>/batch/, by prefix."""
    below = naming.batch_prefix(model)
    found: dict[str, list[ArrivedObject]] = {}
    for each in listed:
        first, slash, _ = each.key.removeprefix(below).partition("/")
        found.setdefault(below + first + slash, []).append(each)
    return {prefix: tuple(sorted(each, key=lambda one: one.key)) for prefix, each in sorted(found.items())}


def due(
    model: str, listed: Iterable[ArrivedObject], tried: Container[str], now: datetime
) -> tuple[str, tuple[ArrivedObject, ...]] | str:
    """Return prefix and objects of the first batch that nobody has tried, or why there is none.

    Parameters
    ----------
    tried
        Digests of inputs (`inputs_digest`).
    now
        A folder into which something came less than `QUIET` before is left alone: more may be under way.
    """
    moving = 0
    for prefix, objects in batches_in(model, listed).items():
        if inputs_digest(objects) in tried:
            continue
        if max(each.modified for each in objects) <= now - QUIET:
            return prefix, objects
        moving += 1
    waiting = f"; {moving} that grew in the last {QUIET.seconds // 60} minutes are left alone" if moving else ""
    return f"{naming.batch_prefix(model)}: found no batch that was not tried before{waiting}"


def window_of(objects: Sequence[ArrivedObject], started_at: datetime) -> Window:
    """Return the time that a batch stands for: from the arrival of its first object to the start of its inference."""
    start = min(each.modified for each in objects)
    # S3 and Step Functions have clocks of their own.
    return Window(start=start, end=max(started_at, start + timedelta(seconds=1)))


# -- what becomes of it ------------------------------------------------------------------------------------------------
def conclude(on_drift: OnDrift, verdict: WindowOutcome) -> Conclusion:
    """Return what becomes of the predictions of a batch whose rows were judged so."""
    if verdict not in _DOUBTFUL:
        return "published"
    return "withheld" if on_drift == "withhold" else "flagged"


def reasons_of(conclusion: Conclusion, found: MonitoringOutcome) -> tuple[str, ...]:
    """Return in words what became of a batch, and then why its rows were judged so."""
    first = {
        "published": "the predictions are published",
        "flagged": "the predictions are published and flagged: look at the report before they are used",
        "withheld": "the predictions are withheld (monitoring.batch.on_drift): they stay in the work bucket",
    }[conclusion]
    if found.outcome == "insufficient":
        first += "; whether the batch is like the training data could not be judged"
    return (first, *found.reasons)
