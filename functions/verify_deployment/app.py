"""Says what serves after a rollout, a restore or a rollback: by description and by the golden records.

``{plan, phase, endpoint, entered_at} -> Verification``

The endpoint is described here and now. That an update "succeeded" proves nothing: SageMaker may have rolled it back in
silence.
"""

from typing import Any

from muster import rollout
from muster.aws.endpoints import Serving
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, parse
from muster.contracts.deployment import DeploymentPlan, EndpointFacts, Verification
from muster.errors import ContractError
from muster.reasons import told
from muster.rollout import GoldenAnswer, Phase
from muster.runtime import Event, entry, settings

_CONTENT_TYPE = "text/csv"


class Input(Contract):
    """The function's event. ``endpoint`` is what the workflow saw when the wait ended: a hint."""

    plan: DeploymentPlan
    phase: Phase
    endpoint: dict[str, Any] | None = None
    entered_at: Time


@entry
def handler(event: Event) -> Verification:
    """Describe endpoint, configuration and model, ask the golden records, let the rule conclude."""
    given = parse(Input, event, "verify_deployment")
    plan, serving = given.plan, Serving()
    if plan.expected is None:
        raise ContractError("plan: expected: found nothing, wanted what the endpoint has to show")
    described = serving.endpoint(plan.endpoint)
    if described is None:
        return Verification(
            verdict="unhealthy", reasons=(f"endpoint {plan.endpoint}: found none, wanted one InService",)
        )
    facts = rollout.endpoint_facts(described)
    wanted = plan.previous_config if given.phase == "restore" else plan.expected.config_name
    problems: list[str] = []
    if facts.status == "InService" and facts.config_name == wanted:
        golden = told(_golden_problems(given, serving), "the golden records")
        problems = [*_config_problems(given, facts, serving), *golden]
    return rollout.verify(plan, given.phase, facts, problems)


def _config_problems(given: Input, facts: EndpointFacts, serving: Serving) -> list[str]:
    """Say whether the configuration leads to the artifact that was planned."""
    config = serving.config(facts.config_name or "")
    if config is None:
        return [f"endpoint configuration {facts.config_name}: it was deleted"]
    digest = given.plan.artifact_digest
    if given.phase == "restore" or digest is None:
        return []
    problems = []
    for variant in config["ProductionVariants"]:
        model = serving.model(variant["ModelName"]) or {}
        uri = (model.get("PrimaryContainer") or {}).get("ModelDataUrl")
        if not uri or digest not in uri:
            problems.append(f"artifact of {variant['VariantName']}: found {uri}, wanted the one with digest {digest}")
    return problems


def _golden_problems(given: Input, serving: Serving) -> list[str]:
    plan = given.plan
    if plan.golden_uri is None or plan.problem_type is None:
        raise ContractError("plan: found no golden_uri or problem_type, wanted both")
    text = ObjectStore.of(settings()).read(plan.golden_uri).decode("utf-8")
    answers = []
    for number, record in enumerate(rollout.read_golden_records(text), 1):
        # The bounds are the new model's; of a restored one only sane answers are asked.
        asked = record.model_copy(update={"low": None, "high": None}) if given.phase == "restore" else record
        status, body = serving.invoke(plan.endpoint, record.input, _CONTENT_TYPE, f"golden-{number}")
        answers.append(GoldenAnswer(asked, status, body))
    return rollout.golden_problems(answers, plan.problem_type, plan.classes or 0)
