"""How traffic moves to a model, and whether it arrived: blue/green behind alarms, and the checks after it.

SageMaker may roll back without a word: UpdateEndpoint "succeeds" and the endpoint is InService on the *old*
configuration. So what counts is what DescribeEndpoint shows, never that the update ended.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from muster import naming
from muster.contracts.base import parse
from muster.contracts.deployment import (
    DeployedImage,
    DeploymentPlan,
    EndpointFacts,
    Expected,
    GoldenLine,
    GoldenRecord,
    HistoryRecord,
    VariantFacts,
    Verification,
)
from muster.contracts.spec import ModelSpec, RolloutSpec
from muster.contracts.spec_terms import ProblemType
from muster.errors import ContractError, Refused

Phase = Literal["deploy", "restore", "rollback"]

SETTLE_MARGIN_SECONDS = 900
"""What starting or removing instances may take beyond the rollout's own maximum."""
RESTORE_SECONDS = 3600
"""The longest way back to an earlier configuration."""
_FIRST_STEPS = (10, 20, 40, 80, 160)
_STEP = 240
MOST_STEPS = 94
"""Most looks at an endpoint in one wait: each costs four transitions and about ten events of the execution's
history."""
_MICROSECONDS = 1000  # per millisecond: ModelLatency is in microseconds


# -- before: the request -----------------------------------------------------------------------------------------------
def deployment_config(rollout: RolloutSpec, alarm_names: Sequence[str]) -> dict[str, Any]:
    """Return UpdateEndpoint's ``DeploymentConfig``: shift, bake, roll back on any alarm."""
    routing: dict[str, Any] = {
        "Type": rollout.strategy.upper(),
        "WaitIntervalInSeconds": rollout.wait_seconds,
    }
    if rollout.strategy == "canary":
        routing["CanarySize"] = {"Type": "CAPACITY_PERCENT", "Value": rollout.canary_percent}
    elif rollout.strategy == "linear":
        routing["LinearStepSize"] = {"Type": "CAPACITY_PERCENT", "Value": rollout.step_percent}
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": rollout.termination_wait_seconds,
            "MaximumExecutionTimeoutInSeconds": rollout.maximum_seconds,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarm_names]},
    }


def restoring_config() -> dict[str, Any]:
    """Return the ``DeploymentConfig`` of a way back: all traffic at once, to a configuration that has served before."""
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 0,
            "MaximumExecutionTimeoutInSeconds": RESTORE_SECONDS,
        }
    }


def wait_steps(maximum_seconds: int, margin_seconds: int = SETTLE_MARGIN_SECONDS) -> tuple[int, ...]:
    """Return the seconds between looks at an endpoint: 10, 20, 40, 80, 160, then 240 each.

    Together they cover `maximum_seconds` and the margin, by less than one step more. For a long rollout the last step
    grows (to 340 s for SageMaker's longest, 28 800 s), so that there are never more than `MOST_STEPS` looks.
    """
    bound = maximum_seconds + margin_seconds
    if bound <= 0:
        raise ContractError(f"wait: found {bound} seconds, wanted more than 0")
    steps: list[int] = []
    for step in _FIRST_STEPS:
        if sum(steps) >= bound:
            return tuple(steps)
        steps.append(step)
    last = max(_STEP, 10 * math.ceil(bound / (MOST_STEPS - len(steps)) / 10))
    return (*steps, *[last] * max(0, math.ceil((bound - sum(steps)) / last)))


def alarms(prefix: str, endpoint: str, config: str, spec: ModelSpec, topic_arn: str) -> tuple[dict[str, Any], ...]:
    """Return whole PutMetricAlarm requests for one endpoint configuration.

    The dimension ``EndpointConfigName`` makes them see the new fleet only: errors of the old one must not stop a
    rollout that mends them (SageMaker Developer Guide, "Auto-Rollback Configuration and Monitoring"). A period without
    traffic is no breach; the golden records are asked after the rollout for that reason.
    """
    limits = spec.rollout.alarms
    common = {
        "ActionsEnabled": True,
        "AlarmActions": [topic_arn],
        "Namespace": "AWS/SageMaker",
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": naming.VARIANT},
            {"Name": "EndpointConfigName", "Value": config},
        ],
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "TreatMissingData": "notBreaching",
    }
    return (
        {
            **common,
            "AlarmName": naming.alarm_name(prefix, endpoint, config, "error_count"),
            "AlarmDescription": "The new model answers with server errors. Runbook: docs/runbook.md#endpoint-errors",
            "MetricName": "Invocation5XXErrors",
            "Statistic": "Sum",
            "Period": limits.error_count.period_seconds,
            "Threshold": float(limits.error_count.threshold),
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        },
        {
            **common,
            "AlarmName": naming.alarm_name(prefix, endpoint, config, "latency_p99"),
            "AlarmDescription": "The new model answers too slowly. Runbook: docs/runbook.md#endpoint-slow",
            "MetricName": "ModelLatency",
            "ExtendedStatistic": "p99",
            "Period": limits.latency_p99_ms.period_seconds,
            "Threshold": limits.latency_p99_ms.threshold * _MICROSECONDS,
            "ComparisonOperator": "GreaterThanThreshold",
        },
    )


# -- after: did it arrive? ---------------------------------------------------------------------------------------------
def endpoint_facts(described: Mapping[str, Any]) -> EndpointFacts:
    """Return what a DescribeEndpoint response says, without the members that Muster does not read."""
    return EndpointFacts(
        status=described["EndpointStatus"],
        config_name=described.get("EndpointConfigName"),
        failure_reason=described.get("FailureReason"),
        variants=tuple(_variant_facts(each) for each in described.get("ProductionVariants") or ()),
    )


def _variant_facts(variant: Mapping[str, Any]) -> VariantFacts:
    weight = variant.get("CurrentWeight")
    return VariantFacts(
        name=variant["VariantName"],
        images=tuple(
            DeployedImage(specified=each.get("SpecifiedImage"), resolved=each.get("ResolvedImage"))
            for each in variant.get("DeployedImages") or ()
        ),
        current_weight=None if weight is None else float(weight),
        current_instance_count=variant.get("CurrentInstanceCount"),
    )


def verify(
    plan: DeploymentPlan, phase: Phase, facts: EndpointFacts, golden_problems: Sequence[str] = ()
) -> Verification:
    """Say what serves, from DescribeEndpoint and the answers to the golden records.

    Parameters
    ----------
    plan
        What was wanted.
    phase
        ``deploy``: the plan's configuration is to serve. ``restore``: the previous one again. ``rollback``: the plan's,
        which is an earlier one.
    facts
        What DescribeEndpoint showed when the endpoint had settled, or when the wait was over.
    golden_problems
        What was wrong with the answers to the golden records (`golden_problems`).

    Returns
    -------
    Verification
        ``deployed``: the new model serves. ``rolled_back``: an earlier one does, by SageMaker's own rollback, a
        restore or a rollback. ``unhealthy``: neither is certain.
    """
    if plan.expected is None:
        raise ContractError("plan: expected: found nothing, wanted what the endpoint has to show")
    if phase == "restore":
        return _verify_restored(plan, facts, golden_problems)
    if facts.status == "InService" and facts.config_name == plan.previous_config != plan.expected.config_name:
        return _verify_still_previous(plan, phase, facts)
    problems = [*_status_problems(facts, plan.expected.config_name)]
    if not problems:
        problems = [*_variant_problems(facts, plan.expected), *golden_problems]
    if problems:
        return Verification(verdict="unhealthy", reasons=tuple(problems))
    reason = f"{plan.endpoint} serves {plan.expected.config_name}: image, weight and instances are as intended"
    return Verification(verdict="deployed" if phase == "deploy" else "rolled_back", reasons=(reason,))


def _verify_still_previous(plan: DeploymentPlan, phase: Phase, facts: EndpointFacts) -> Verification:
    why = facts.failure_reason or "SageMaker gives no reason"
    reason = f"{plan.endpoint} still serves the previous configuration {plan.previous_config}: {why}"
    return Verification(verdict="rolled_back" if phase == "deploy" else "unhealthy", reasons=(reason,))


def _verify_restored(plan: DeploymentPlan, facts: EndpointFacts, golden_problems: Sequence[str]) -> Verification:
    if plan.previous_config is None:
        raise ContractError("plan: previous_config: found nothing, wanted the configuration to restore")
    problems = [*_status_problems(facts, plan.previous_config), *golden_problems]
    if problems:
        return Verification(verdict="unhealthy", reasons=tuple(problems))
    reason = f"{plan.endpoint} serves the previous configuration {plan.previous_config} again"
    return Verification(verdict="rolled_back", reasons=(reason,))


def _status_problems(facts: EndpointFacts, config: str) -> list[str]:
    if facts.status != "InService":
        why = f": {facts.failure_reason}" if facts.failure_reason else ""
        return [f"endpoint status: found {facts.status}, wanted InService{why}"]
    if facts.config_name != config:
        return [f"endpoint configuration: found {facts.config_name}, wanted {config}"]
    return []


def _variant_problems(facts: EndpointFacts, expected: Expected) -> list[str]:
    variant = next((each for each in facts.variants if each.name == expected.variant), None)
    if variant is None:
        names = ", ".join(each.name for each in facts.variants) or "none"
        return [f"variant: found {names}, wanted {expected.variant}"]
    problems = []
    served = {_image_digest(each) for each in variant.images}
    if served != {expected.image_digest}:
        shown = ", ".join(sorted(each or "an image without digest" for each in served)) or "none"
        problems.append(f"image: found {shown}, wanted {expected.image_digest}")
    if variant.current_weight != expected.weight:
        problems.append(f"weight of {variant.name}: found {variant.current_weight}, wanted {expected.weight}")
    if (variant.current_instance_count or 0) < expected.instance_count:
        problems.append(
            f"instances of {variant.name}: found {variant.current_instance_count}, wanted {expected.instance_count}"
        )
    return problems


def _image_digest(image: DeployedImage) -> str | None:
    for uri in (image.resolved, image.specified):
        if uri and "@sha256:" in uri:
            return uri.rpartition("@")[2]
    return None


# -- golden records ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class GoldenAnswer:
    """What the endpoint answered to a golden record: status, and the body as text."""

    record: GoldenRecord
    status: int
    body: str


def read_golden_records(text: str) -> tuple[GoldenRecord, ...]:
    """Read golden.jsonl.

    Raises
    ------
    ContractError
        Names the line that is not a golden record; or there is no line at all.
    """
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            read = parse(GoldenLine, _json(line, number), f"golden.jsonl line {number}")
            low, high = _bounds(read.expect.low), _bounds(read.expect.high)
            records.append(GoldenRecord(name=read.name or f"line {number}", input=read.body, low=low, high=high))
    if not records:
        raise ContractError("golden.jsonl: found no record, wanted one at least")
    return tuple(records)


def _bounds(given: float | tuple[float, ...] | None) -> tuple[float, ...] | None:
    return (given,) if isinstance(given, int | float) else given


def _json(line: str, number: int) -> object:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ContractError(
            f"golden.jsonl line {number}: found no JSON ({error}), wanted one object per line"
        ) from error


def golden_problems(answers: Sequence[GoldenAnswer], problem_type: ProblemType, classes: int) -> list[str]:
    """Say what is not sane in the answers to the golden records: errors, not numbers, out of range."""
    return [problem for answer in answers for problem in _answer_problems(answer, problem_type, classes)]


def _answer_problems(answer: GoldenAnswer, problem_type: ProblemType, classes: int) -> list[str]:
    name = f"golden record {answer.record.name}"
    if answer.status != 200:
        return [f"{name}: found HTTP status {answer.status}, wanted 200"]
    wanted = classes if problem_type == "multiclass" else 1
    try:
        values = [float(each) for each in answer.body.strip().replace("\n", ",").split(",")]
    except ValueError:
        return [f"{name}: found {answer.body.strip()[:60]!r}, wanted {wanted} number(s)"]
    if len(values) != wanted:
        return [f"{name}: found {len(values)} numbers, wanted {wanted}"]
    low, high = (0.0, 1.0) if problem_type != "regression" else (-math.inf, math.inf)
    lows = answer.record.low or (low,) * wanted
    highs = answer.record.high or (high,) * wanted
    if len(lows) != wanted or len(highs) != wanted:
        return [f"{name}: found {len(lows)} low and {len(highs)} high bounds, wanted {wanted} of each"]
    return [
        f"{name}: found {value:g}, wanted {max(least, low):g} to {min(most, high):g}"
        for value, least, most in zip(values, lows, highs, strict=True)
        if not (math.isfinite(value) and max(least, low) <= value <= min(most, high))
    ]


# -- the way back ------------------------------------------------------------------------------------------------------
def choose_last_good(
    history: Sequence[HistoryRecord],
    live: HistoryRecord,
    problem_with: Callable[[HistoryRecord], str | None],
) -> HistoryRecord:
    """Return the deployment to go back to: the newest good one before the live one.

    A configuration is good when it was deployed, nobody rolled back from it, and nothing speaks against it today.

    Parameters
    ----------
    history
        All records of the endpoint, in any order.
    live
        The record whose configuration serves now.
    problem_with
        Says why a record cannot serve again (no longer approved, artifact or configuration gone), or None.

    Raises
    ------
    Refused
        There is none; names every candidate and what speaks against it.
    """
    deployed = {each.config_name: each for each in history if each.outcome == "deployed"}
    since = deployed.get(live.config_name, live).at
    rolled_away = {
        each.previous_config for each in history if each.workflow == "rollback" and each.outcome == "rolled_back"
    }
    candidates = [
        each
        for each in sorted(deployed.values(), key=lambda each: each.at, reverse=True)
        if each.config_name != live.config_name and each.at < since and each.config_name not in rolled_away
    ]
    against: list[str] = []
    for candidate in candidates:
        problem = problem_with(candidate)
        if problem is None:
            return candidate
        against.append(f"{candidate.config_name}: {problem}")
    detail = "; ".join(against) or "nothing good was deployed before it"
    raise Refused(f"{live.endpoint}: found no last known good before {live.config_name}, wanted one ({detail})")
