"""Assembles evidence.json and keeps it under Object Lock; its sha256 is the digest that a person approves.

``{run, training, evaluation, baseline?} -> {evidence_uri, evidence_digest}``
"""

from muster import evidence, naming
from muster.aws.documents import policy, spec_of
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, parse
from muster.contracts.documents import BaselineRef
from muster.contracts.evaluation import EvaluationResult
from muster.contracts.pipeline import EvidenceRef, Run, TrainingResult
from muster.errors import DigestMismatch
from muster.runtime import Event, entry, settings


class Input(Contract):
    """The function's event."""

    run: Run
    training: TrainingResult
    evaluation: EvaluationResult
    baseline: BaselineRef | None = None


@entry
def handler(event: Event) -> EvidenceRef:
    """Check that what the document will name is there, and write the document."""
    given = parse(Input, event, "assemble_evidence")
    names = settings()
    store = ObjectStore.of(names)
    spec = spec_of(store, given.run.spec_uri, given.run.spec_digest)
    _check_named(given, store)
    document = evidence.assemble(
        given.run,
        given.training,
        given.evaluation,
        spec,
        policy_digest=policy()[1],
        ledger_table=names.ledger_table,
        endpoint=naming.endpoint_name(names.prefix, spec.name, spec.rollout.endpoint),
        baseline=given.baseline,
    )
    data, digest = evidence.document(document)
    uri = naming.s3_uri(names.evidence_bucket, naming.evidence_key(given.run.model, digest))
    store.write(uri, data, "application/json", locked=True)
    return EvidenceRef(evidence_uri=uri, evidence_digest=digest)


def _check_named(given: Input, store: ObjectStore) -> None:
    """Refuse to name an object that is not there or not what its digest says: evidence is complete or is not."""
    training, evaluation = given.training, given.evaluation
    for uri, digest in (
        (training.artifact.uri, training.artifact.digest),
        (training.snapshot.manifest_uri, training.snapshot.digest),
        (given.run.code_uri, given.run.code_digest),
        (evaluation.evaluation_uri, evaluation.evaluation_digest),
        (evaluation.report_uri, evaluation.report_digest),
        *((each.uri, each.digest) for each in (given.baseline.documents if given.baseline else ())),
    ):
        found = store.sha256_of(uri)
        if found != digest:
            raise DigestMismatch(f"{uri}: found sha256 {found}, wanted {digest}: evidence is not written")
