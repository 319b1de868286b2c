"""Judges a window, or a batch: adds what was counted, decides, confirms, and writes the report.

``{plan: MonitoringPlan, quality, sample, execution: {arn, name}, started_at} -> MonitoringOutcome``

The bookkeeping is one conditional write. The same execution gets the same answer again, and writes the same bytes.
"""

import json
from typing import Any

from muster import verdicts
from muster.aws import assessing, metrics
from muster.aws.documents import baseline_of, policy, redaction_key_of, spec_of
from muster.aws.ledger import Ledger
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.ledger_monitoring import Monitoring
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, Time, iso, parse
from muster.contracts.monitoring import Bookkept, MonitoringOutcome, MonitoringPlan, Watched, WindowRecord
from muster.contracts.pipeline import Execution
from muster.contracts.quality import LiveSample, QualityResult
from muster.contracts.spec import ModelSpec
from muster.errors import Conflict, ContractError
from muster.reasons import told
from muster.runtime import Event, entry, settings
from muster_numerics import report_document
from muster_numerics.decide import Decision, decide
from muster_numerics.reference import reference

_ATTEMPTS = 5
_MOST_FEATURES = 20
_LONGEST_EFFECT = 160


class Input(Contract):
    """The function's event. ``quality`` and ``sample`` are what `measure_quality` and `sample_rows` answered, if asked."""

    plan: MonitoringPlan
    quality: QualityResult | None = None
    sample: LiveSample | None = None
    execution: Execution
    started_at: Time


@entry
def handler(event: Event) -> MonitoringOutcome:
    """Merge, decide, confirm, report, remember."""
    given = parse(Input, event, "assess_window")
    if given.plan.watched is None:
        raise ContractError(
            "plan: watched: found nothing, wanted what `plan_window` plans when there is something to count"
        )
    watched, names = given.plan.watched, settings()
    store, ledger = ObjectStore.of(names), Ledger.of(names)
    watching = Monitoring(ledger)
    known = watching.window(watched)
    if known is not None:
        return known.result
    spec = spec_of(store, watched.spec.uri, watched.spec.digest)
    baseline = baseline_of(store, watched.baseline)
    held = reference(baseline.payload(), redaction_key_of(store, baseline))
    state, tally = assessing.merged(store, watched, given.plan.batches)
    rules = verdicts.rules(spec.monitoring, policy()[0].monitoring)
    decision = decide(state, held.baseline, rules)
    quality = assessing.quality_of(store, given.quality)
    bookkept = _remember(given, watched, decision, spec, watching, Endpoints(ledger))
    prefix = assessing.evidence_prefix(watched, names)
    document = report_document.build(
        watched=watched.payload(),
        plan=given.plan.payload(),
        at=iso(given.started_at),
        evidence_uri=prefix,
        outcome=bookkept.outcome,
        decision=decision,
        state=state,
        baseline=held.baseline,
        tally=tally,
        rules=rules,
        controlled=baseline.controlled,
        confirmation=_confirmation(bookkept, watched, spec),
        quality=quality.payload() if quality else None,
        attribution=assessing.attribution_of(store, given.sample, baseline, spec),
        history=_history(watching, watched),
    )
    assessing.write(store, prefix, document, held, state, decision, quality)
    result = _result(given, watched, bookkept, document, prefix)
    summary = json.dumps(report_document.summary(document), sort_keys=True)
    record = WindowRecord(counted=bookkept.counted, plan_uri=f"{watched.work}plan.json", result=result, summary=summary)
    watching.keep(watched, record)
    metrics.publish(document)
    return result


def _remember(
    given: Input, watched: Watched, decision: Decision, spec: ModelSpec, watching: Monitoring, endpoints: Endpoints
) -> Bookkept:
    """Take the verdict into the endpoint's state, on the condition that nobody else has changed it.

    Raises
    ------
    Conflict
        When others were faster again and again.
    """
    if watched.subject == "batch":
        return verdicts.of_batch(watched, decision)
    quality = given.quality.status if given.quality else "not_measured"
    for _ in range(_ATTEMPTS):
        seen, live = watching.state(watched.endpoint), endpoints.live(watched.endpoint)
        serves = live is not None and live.package_arn == watched.package_arn
        advance = verdicts.of_window(seen, watched, decision, quality, spec.monitoring.confirmation, serves=serves)
        if advance.state is None or watching.advance(watched.endpoint, seen, advance.state):
            return advance.told
    raise Conflict(f"monitoring of {watched.endpoint}: {_ATTEMPTS} other runs were faster, wanted a quiet moment")


def _confirmation(bookkept: Bookkept, watched: Watched, spec: ModelSpec) -> dict[str, Any]:
    rule = None if watched.subject == "batch" else spec.monitoring.confirmation.payload()
    return {
        "reason": bookkept.reason,
        "announce": bookkept.announce,
        "episode": bookkept.episode,
        "windows": list(bookkept.windows),
        "rule": rule,
    }


def _history(watching: Monitoring, watched: Watched) -> list[dict[str, Any]]:
    earlier = [each for each in watching.windows(watched) if each.result.window.end < watched.window.end]
    return [json.loads(each.summary) for each in earlier[-report_document.HISTORY :]]


def _result(
    given: Input, watched: Watched, bookkept: Bookkept, document: dict[str, Any], prefix: str
) -> MonitoringOutcome:
    effects = dict(list(report_document.effects(document).items())[:_MOST_FEATURES])
    return MonitoringOutcome(
        outcome=bookkept.outcome,
        reasons=told(document["reasons"], "the report"),
        model=watched.model,
        endpoint=watched.endpoint,
        package_arn=watched.package_arn,
        window=watched.window,
        rows=document["data"]["rows"],
        report_uri=f"{prefix}report.html",
        evidence_uri=f"{prefix}drift_report.json",
        announce=bookkept.announce,
        episode=bookkept.episode,
        features=tuple(effects),
        effects={name: text[:_LONGEST_EFFECT] for name, text in effects.items()},
        windows=bookkept.windows,
        quality=given.quality.status if given.quality else "not_measured",
        announce_quality=bookkept.announce_quality,
        quality_metrics=given.quality.metrics if given.quality else (),
        quality_reasons=given.quality.reasons if given.quality else (),
    )
