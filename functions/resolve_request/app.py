"""Turns a request into a run: everything that the pipeline will use, by digest.

``{request: PipelineRequest, execution: {arn, name, started_at}} -> Run``
"""

from muster import naming, publication
from muster.aws.documents import policy, spec_of
from muster.aws.ledger import Ledger
from muster.aws.ledger_models import Models, Runs
from muster.aws.s3 import ObjectStore
from muster.contracts.base import parse
from muster.contracts.pipeline import Execution, PipelineRequest, Run
from muster.errors import ContractError, NotFound
from muster.runtime import Event, entry, own_members, settings


@entry
def handler(event: Event) -> Run:
    """Resolve the publication, check its spec against today's floor, and record the run."""
    request = parse(PipelineRequest, own_members(event.get("request")))
    execution = parse(Execution, event.get("execution"))
    if execution.started_at is None:
        raise ContractError("execution.started_at: found nothing, wanted the time when the pipeline was started")
    names = settings()
    ledger, store = Ledger.of(names), ObjectStore.of(names)
    published = Models(ledger).publication(request.model, request.spec_digest)
    spec = spec_of(store, published.spec_uri, published.spec_digest)
    publication.check(spec, policy()[0])
    for what, uri in (("code", published.code_uri), ("golden records", published.golden_uri)):
        if store.stat(uri) is None:
            raise NotFound(f"{request.model}: {what}: found nothing at {uri}, wanted what was published: publish again")
    run = Run(
        run=naming.run_id(execution.arn),
        execution_arn=execution.arn,
        started_at=execution.started_at,
        model=request.model,
        trigger=request.trigger,
        spec_digest=published.spec_digest,
        spec_uri=published.spec_uri,
        code_digest=published.code_digest,
        code_uri=published.code_uri,
        golden_uri=published.golden_uri,
        image_uri=published.image_uri,
        image_digest=published.image_digest,
        commit=published.commit,
        publisher=published.publisher,
        problem_type=published.problem_type,
        approval_wait_seconds=spec.approval.wait_seconds,
    )
    Runs(ledger).begin(run)
    return run
