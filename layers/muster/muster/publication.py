"""A model's spec against the platform's floor: a spec may tighten ``policy.yaml``, never loosen it."""

from collections.abc import Iterable, Iterator

from muster.contracts.policy import Policy
from muster.contracts.spec import Gate, ModelSpec
from muster.contracts.spec_terms import LOWER_IS_BETTER
from muster.errors import PolicyViolation


def check(spec: ModelSpec, policy: Policy) -> None:
    """Refuse a spec that is looser than the floor anywhere.

    Raises
    ------
    PolicyViolation
        In one line, every field that is too loose, with the spec's value and the policy's.
    """
    found = problems(spec, policy)
    if found:
        raise PolicyViolation(f"{spec.name}: looser than policy.yaml: " + "; ".join(found))


def check_new(spec: ModelSpec, policy: Policy) -> None:
    """Refuse to publish what `check` refuses, or what asks for capture before it says which fields are controlled.

    A spec that was published before Muster asked still runs: its endpoint captures nothing.

    Raises
    ------
    PolicyViolation
        As `check`.
    """
    check(spec, policy)
    if spec.capture.enabled and not spec.capture.active:
        raise PolicyViolation(
            f"{spec.name}: capture.controlled_fields: found nothing, wanted the columns whose values are controlled "
            "([] when there are none): nothing is captured before that is said"
        )


def problems(spec: ModelSpec, policy: Policy) -> list[str]:
    """Return every field of the spec that is looser than the floor, as ``field: spec has …, policy …``."""
    return [
        *_instances(spec, policy),
        *_runtimes(spec, policy),
        *_evaluation(spec, policy),
        *_required_gates(spec, policy),
        *_rollout(spec, policy),
        *_waiting_and_retraining(spec, policy),
        *_monitoring(spec, policy),
    ]


def _at_most(field: str, value: float, limit: float) -> Iterator[str]:
    if value > limit:
        yield f"{field}: spec has {value}, policy allows at most {limit}"


def _at_least(field: str, value: float, limit: float) -> Iterator[str]:
    if value < limit:
        yield f"{field}: spec has {value}, policy wants at least {limit}"


def _one_of(field: str, value: str, allowed: Iterable[str]) -> Iterator[str]:
    if value not in tuple(allowed):
        yield f"{field}: spec has {value}, policy allows {', '.join(allowed)}"


def _instances(spec: ModelSpec, policy: Policy) -> Iterator[str]:
    types = policy.instance_types
    yield from _one_of("preprocess.instance_type", spec.preprocess.instance_type, types.processing)
    yield from _one_of("training.instance_type", spec.training.instance_type, types.training)
    yield from _one_of("evaluation.instance_type", spec.evaluation.instance_type, types.processing)
    yield from _one_of("inference.instance_type", spec.inference.instance_type, types.endpoint)
    for name, job in (("preprocess", spec.preprocess), ("training", spec.training)):
        yield from _at_most(f"{name}.instance_count", job.instance_count, policy.max_instance_count)
        yield from _at_most(f"{name}.volume_gb", job.volume_gb, policy.max_volume_gb)
    yield from _at_least("inference.instance_count", spec.inference.instance_count, policy.rollout.min_instance_count)
    yield from _at_most("inference.instance_count", spec.inference.instance_count, policy.rollout.max_instance_count)


def _runtimes(spec: ModelSpec, policy: Policy) -> Iterator[str]:
    longest = policy.max_runtime_seconds
    yield from _at_most("preprocess.max_runtime_seconds", spec.preprocess.max_runtime_seconds, longest.processing)
    yield from _at_most("evaluation.max_runtime_seconds", spec.evaluation.max_runtime_seconds, longest.processing)
    yield from _at_most("training.max_runtime_seconds", spec.training.max_runtime_seconds, longest.training)
    yield from _at_most("training.spot.max_wait_seconds", spec.training.spot.max_wait_seconds, longest.training_wait)


def _evaluation(spec: ModelSpec, policy: Policy) -> Iterator[str]:
    ours, floor = spec.evaluation, policy.evaluation
    yield from _at_least("evaluation.confidence", ours.confidence, floor.min_confidence)
    yield from _at_most("evaluation.significance", ours.significance, floor.max_significance)
    margin = floor.max_non_inferiority_margin
    yield from _at_most("evaluation.non_inferiority_margin", ours.non_inferiority_margin, margin)
    for name, groups in (("slices", ours.slices), ("bias_groups", ours.bias_groups)):
        for each in groups:
            field = f"evaluation.{name}[{each.column}].min_rows"
            yield from _at_least(field, each.min_rows, floor.min_rows)
            yield from _at_most(field, each.min_rows, floor.max_min_rows)
    for group in ours.bias_groups:
        field = f"evaluation.bias_groups[{group.column}].max_difference"
        yield from _at_most(field, group.max_difference, floor.max_bias_difference)


def _required_gates(spec: ModelSpec, policy: Policy) -> Iterator[str]:
    required: tuple[Gate, ...] = getattr(policy.evaluation.required_gates, spec.problem_type)
    given = {gate.metric: gate for gate in spec.evaluation.gates}
    for floor in required:
        field = f"evaluation.gates[{floor.metric}]"
        gate = given.get(floor.metric)
        if gate is None:
            yield f"{field}: spec has no such gate, policy wants {_in_words(floor)}"
            continue
        if floor.bound == "interval" and gate.bound == "value":
            yield f"{field}.bound: spec has value, policy wants interval"
        if floor.metric in LOWER_IS_BETTER:
            yield from _at_most(f"{field}.max", _bound(gate), _bound(floor))
        else:
            yield from _at_least(f"{field}.min", _bound(gate), _bound(floor))


def _bound(gate: Gate) -> float:
    bound = gate.max if gate.metric in LOWER_IS_BETTER else gate.min
    if bound is None:
        raise PolicyViolation(f"gate on {gate.metric}: found no bound, wanted one")  # the contract refuses it earlier
    return bound


def _in_words(gate: Gate) -> str:
    return f"{gate.metric} of at {'most' if gate.metric in LOWER_IS_BETTER else 'least'} {_bound(gate)}"


def _rollout(spec: ModelSpec, policy: Policy) -> Iterator[str]:
    ours, floor = spec.rollout, policy.rollout
    yield from _one_of("rollout.strategy", ours.strategy, floor.strategies)
    if ours.canary_percent is not None:
        yield from _at_most("rollout.canary_percent", ours.canary_percent, floor.max_canary_percent)
    if ours.step_percent is not None:
        yield from _at_most("rollout.step_percent", ours.step_percent, floor.max_step_percent)
    yield from _at_least("rollout.wait_seconds", ours.wait_seconds, floor.min_wait_seconds)
    wait = ours.termination_wait_seconds
    yield from _at_least("rollout.termination_wait_seconds", wait, floor.min_termination_wait_seconds)
    yield from _at_most("rollout.maximum_seconds", ours.maximum_seconds, floor.max_maximum_seconds)
    for name in ("error_count", "latency_p99_ms"):
        alarm, loosest = getattr(ours.alarms, name), getattr(floor.alarms, name)
        yield from _at_most(f"rollout.alarms.{name}.threshold", alarm.threshold, loosest.max_threshold)
        yield from _at_most(f"rollout.alarms.{name}.period_seconds", alarm.period_seconds, loosest.max_period_seconds)
        # An alarm needs a whole period of the new model's traffic before the next shift.
        yield from _alarm_fits_wait(name, alarm.period_seconds, ours.wait_seconds)


def _alarm_fits_wait(name: str, period: int, wait: int) -> Iterator[str]:
    if period > wait:
        yield (
            f"rollout.wait_seconds: spec has {wait}, policy wants at least the period of alarm {name} ({period}): "
            "a shift would be over before its alarm could trip"
        )


def _waiting_and_retraining(spec: ModelSpec, policy: Policy) -> Iterator[str]:
    yield from _at_most("approval.wait_seconds", spec.approval.wait_seconds, policy.approval.max_wait_seconds)
    if spec.capture.enabled and not policy.capture.allowed:
        yield "capture.enabled: spec has true, policy allows false only"
    floor = policy.retraining
    cooldown = spec.retraining.cooldown_seconds
    yield from _at_least("retraining.cooldown_seconds", cooldown, floor.min_cooldown_seconds)
    yield from _at_most("retraining.daily_budget", spec.retraining.daily_budget, floor.max_daily_budget)
    if spec.retraining.weekly_budget is not None:
        yield from _at_most("retraining.weekly_budget", spec.retraining.weekly_budget, floor.max_weekly_budget)


def _monitoring(spec: ModelSpec, policy: Policy) -> Iterator[str]:
    ours, floor, types = spec.monitoring, policy.monitoring, policy.instance_types.processing
    yield from _at_least("monitoring.min_rows", ours.min_rows, floor.min_rows)
    yield from _at_most("monitoring.max_poison_share", ours.max_poison_share, floor.max_poison_share)
    yield from _at_most("monitoring.max_window_hours", ours.max_window_hours, floor.max_window_hours)
    rate = ours.nightly.requests_per_second
    yield from _at_most("monitoring.nightly.requests_per_second", rate, floor.max_requests_per_second)
    for name, job in (("batch", ours.batch), ("attribution", ours.attribution)):
        if job is not None:
            longest = policy.max_runtime_seconds.processing
            yield from _one_of(f"monitoring.{name}.instance_type", job.instance_type, types)
            yield from _at_most(f"monitoring.{name}.max_runtime_seconds", job.max_runtime_seconds, longest)
