"""Makes the model's baseline complete: the features', and its answers on the reference holdout with their quality.

``{run, training, evaluation} -> {baseline}``

A training that ran before Muster made baselines has none, and neither has its model.
"""

import io

from muster import naming
from muster.aws import baselines
from muster.aws.documents import baseline_of, json_of, redaction_key_of, spec_of
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, iso, parse
from muster.contracts.evaluation import EvaluationReport, EvaluationResult, HoldoutManifest
from muster.contracts.monitoring import BaselineDocument
from muster.contracts.pipeline import Run, SealedBaseline, TrainingResult
from muster.errors import DataRefused
from muster.runtime import Event, entry, settings
from muster.settings import Settings
from muster_numerics.answers import with_answers
from muster_numerics.formats_registered import data_files, quality_files
from muster_numerics.quality import Problem
from muster_numerics.redaction import Redaction
from muster_numerics.table_rows import TableError


class Input(Contract):
    """The function's event."""

    run: Run
    training: TrainingResult
    evaluation: EvaluationResult


@entry
def handler(event: Event) -> SealedBaseline:
    """Join, measure, seal."""
    given = parse(Input, event, "seal_baseline")
    run, training = given.run, given.training
    if training.baseline is None:
        return SealedBaseline()
    names = settings()
    store = ObjectStore.of(names)
    spec = spec_of(store, run.spec_uri, run.spec_digest)
    features = baseline_of(store, training.baseline)
    controlled = frozenset(spec.capture.controlled_fields or ())
    redaction = Redaction(controlled, redaction_key_of(store, features))
    report_uri = given.evaluation.evaluation_uri
    found = json_of(store.read_pinned(report_uri, given.evaluation.evaluation_digest), report_uri)
    report = parse(EvaluationReport, found, report_uri)
    predictions_uri = naming.s3_uri(names.work_bucket, naming.work_prefix(run.run, "predict") + "reference.csv")
    predictions = store.read(predictions_uri)
    try:
        joined = with_answers(
            features.payload(),
            lambda: io.BytesIO(predictions),
            request=_request(given.evaluation, run, store, names),
            problem_type=spec.problem_type,
            classes=spec.classes or (),
            target=spec.target,
            redaction=redaction,
        )
    except TableError as error:
        raise DataRefused(f"baseline of {run.model}: {error}") from error
    document = parse(
        BaselineDocument,
        {
            **features.payload(),
            **joined,
            "artifact_digest": training.artifact.digest,
            "attributions": [each.payload() for each in report.attributions],
        },
        "baseline.json",
    )
    overall = {name: each.payload() for name, each in report.candidate["reference"].overall.items()}
    problem = Problem(spec.problem_type, spec.classes or ())
    rows = report.holdouts["reference"].rows
    files = {
        **data_files(document.payload(), redaction.key),
        **quality_files(overall, problem, rows, report.confidence, iso(run.started_at)),
    }
    return SealedBaseline(baseline=baselines.seal(store, names, document, files))


def _request(evaluation: EvaluationResult, run: Run, store: ObjectStore, names: Settings) -> tuple[str, ...]:
    """Return the fields that the candidate was asked with: the reference holdout's columns without its row id."""
    digest = evaluation.holdouts["reference"]
    uri = naming.s3_uri(names.records_bucket, naming.holdout_prefix(run.model, digest) + "manifest.json")
    return parse(HoldoutManifest, json_of(store.read_pinned(uri, digest), uri), uri).columns[1:]
