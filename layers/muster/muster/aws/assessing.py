"""What `assess_window` reads and writes: the batches' states, what was found of quality and attribution, the report."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from muster import digests, naming
from muster.aws.documents import json_of
from muster.aws.s3 import ObjectStore
from muster.contracts.base import parse
from muster.contracts.monitoring import BaselineDocument, Watched
from muster.contracts.quality import LiveSample, QualityReport, QualityResult
from muster.contracts.spec import ModelSpec
from muster.errors import ContractError, NotFound
from muster.settings import Settings
from muster_numerics import (
    attribution,
    formats_constraints,
    formats_statistics,
    formats_violations,
    report_html,
)
from muster_numerics.capture import Tally
from muster_numerics.decide import Decision
from muster_numerics.reference import Reference
from muster_numerics.sketch import State, merge, state_from_json

_THREADS = 16
_AT_ONCE = 64
"""States that are in memory together: of some tens of kilobytes each, and a window may have ten thousand."""


def merged(store: ObjectStore, watched: Watched, batches: int) -> tuple[State, Tally]:
    """Return the sum of all batches' states and tallies, added in their order.

    Raises
    ------
    NotFound
        When one is missing.
    """
    state, tally = State(), Tally()
    for found in _states(store, watched, batches):
        state, tally = merge(state, state_from_json(found["state"])), tally + Tally.from_json(found["tally"])
    return state, tally


def _states(store: ObjectStore, watched: Watched, batches: int) -> Iterator[dict[str, Any]]:
    def read(number: int) -> Any:  # noqa: ANN401 - JSON
        uri = f"{watched.work}states/{number}.json"
        return json_of(store.read(uri), uri)

    with ThreadPoolExecutor(_THREADS) as pool:
        for first in range(0, batches, _AT_ONCE):
            yield from pool.map(read, range(first, min(first + _AT_ONCE, batches)))


def quality_of(store: ObjectStore, found: QualityResult | None) -> QualityReport | None:
    """Return the report that `measure_quality` wrote; None when it was not asked."""
    return parse(QualityReport, json_of(store.read(found.uri), found.uri), found.uri) if found else None


def attribution_of(
    store: ObjectStore, sample: LiveSample | None, document: BaselineDocument, spec: ModelSpec
) -> dict[str, Any] | None:
    """Return how the live ranking of features compares with the baseline's; None when nobody asked for it."""
    wanted = spec.monitoring.attribution
    if sample is None or wanted is None:
        return None
    if sample.attributions_uri is None:
        return attribution.absent(sample.reason, least=wanted.min_ndcg)
    try:
        found: Any = json_of(store.read(sample.attributions_uri), sample.attributions_uri)
    except NotFound:
        return attribution.absent("the model's code has no explain_fn", least=wanted.min_ndcg)
    before = {each.feature: each.importance for each in document.attributions if each.importance is not None}
    try:
        return attribution.judge(before, found["holdouts"]["live"], rows=sample.rows, least=wanted.min_ndcg)
    except ValueError as error:
        return attribution.absent(str(error), least=wanted.min_ndcg)


def evidence_prefix(watched: Watched, settings: Settings) -> str:
    """Return where the report of a run and its companions stand."""
    subject = watched.model if watched.subject == "batch" else watched.endpoint
    at = f"{watched.window.end:%Y%m%dT%H%M%SZ}"
    return naming.s3_uri(settings.evidence_bucket, naming.monitoring_prefix(subject, at, watched.run))


def write(
    store: ObjectStore,
    prefix: str,
    document: Mapping[str, Any],
    held: Reference,
    state: State,
    decision: Decision,
    quality: QualityReport | None,
) -> None:
    """Write the report, and the same in Model Monitor's formats, locked; drift_report.json last: where it is, all is.

    Raises
    ------
    ContractError
        When a document cannot be written down.
    """
    grid, redaction = held.baseline.grid, held.redaction
    files: dict[str, object] = {
        "statistics.json": formats_statistics.statistics(grid, state.columns, state.rows, redaction),
        "constraints.json": formats_constraints.to_json(formats_constraints.suggested(held.baseline, redaction)),
        "constraint_violations.json": formats_violations.to_json(formats_violations.violations(decision)),
    }
    if quality is not None:
        files["quality.json"] = quality
        for name, content in (quality.payload()["documents"] or {}).items():
            files[f"model_quality_{name}.json"] = content
    try:
        written = {name: digests.canonical(content) for name, content in files.items()}
    except ContractError as error:
        raise ContractError(f"{prefix}: {error}") from error
    page = report_html.render(dict(document)).encode()
    for name, data in written.items():
        store.write(prefix + name, data, "application/json", locked=True)
    store.write(f"{prefix}report.html", page, "text/html; charset=utf-8", locked=True)
    store.write(f"{prefix}drift_report.json", digests.canonical(dict(document)), "application/json", locked=True)
