"""drift_report.json: all that a monitoring run found, as one document. The page, the metrics and the event come of it.

`build` makes it of the run's results, `summary` keeps of it what the reports of later windows show, `effects` says in
words what a `DriftDetected` event tells. Contract: `muster.contracts.drift_report.DriftReport`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, cast

from muster_numerics.baseline import Baseline
from muster_numerics.decide import Decision, Rules
from muster_numerics.report_columns import DIGEST, Json, column_documents, finite
from muster_numerics.report_words import headline
from muster_numerics.sketch import State

SCHEMA = 1
OUTCOMES = {
    "none": ("none",),
    "warn": ("warn",),
    "drift": ("suspected", "drift"),
    "insufficient": ("insufficient",),
    "inconclusive": ("inconclusive",),
}
"""The outcomes that each verdict may have after confirmation."""
HISTORY = 48
"""Earlier windows that a report shows."""
SUMMARY_COLUMNS = 100
SUMMARY_NAMES = 20
EVENT_COLUMNS = 50
"""Columns that an event names: EventBridge takes 256 KiB."""
WATCHED = ("subject", "run", "model", "endpoint", "package_arn", "evidence_digest", "window", "spec")
QUALITY = ("status", "reason", "window", "rows", "confidence", "judged_confidence", "files_read", "files")
METRIC = ("name", "value", "low", "high", "registered", "verdict", "reason")
ESTIMATE = ("value", "low", "high")
BIAS = ("column", "measure", "metric", "group", "rows", "value", "low", "high", "limit", "verdict", "reason")
ATTRIBUTION = ("status", "reason", "rows", "ndcg", "least")
RANKED = ("name", "baseline_rank", "live_rank", "baseline", "live")
NO_GROUP = ("(empty)", "(other values)")
"""Groups of a controlled facet that tell no value (`muster_numerics.quality_bias`)."""


class Counted(Protocol):
    """What was read of the files: `muster_numerics.capture.Tally`, whose module this one does without."""

    def as_json(self) -> dict[str, Any]:
        """Return the tally as a dictionary of JSON types."""


def build(
    *,
    watched: Mapping[str, Any],
    plan: Mapping[str, Any],
    at: str,
    evidence_uri: str,
    outcome: str,
    decision: Decision,
    state: State,
    baseline: Baseline,
    tally: Counted,
    rules: Rules,
    controlled: Collection[str] = (),
    confirmation: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
    attribution: Mapping[str, Any] | None = None,
    history: Sequence[Mapping[str, Any]] = (),
) -> Json:
    """Return the document of a run.

    Parameters
    ----------
    watched, plan
        Payloads of the contracts `Watched` and `MonitoringPlan`.
    at
        When the verdict was made, in ISO 8601: the execution's start, so that a retry writes the same bytes.
    evidence_uri
        The prefix that the report and its companions stand below.
    outcome
        The verdict after confirmation (`OUTCOMES`).
    decision, state, baseline, tally, rules
        The verdict and what it was made of.
    controlled
        Names of the fields whose values may not be told.
    confirmation
        ``reason``, ``announce``, ``episode``, ``windows``, and the ``rule`` (None for a batch).
    quality, attribution
        What `measure_quality` and the attribution found; None if they did not run.
    history
        Summaries of earlier windows, oldest first.

    Raises
    ------
    ValueError
        If the outcome does not fit the verdict, or a value of a controlled field would be told.
    """
    if outcome not in OUTCOMES[decision.verdict]:
        wanted = " or ".join(OUTCOMES[decision.verdict])
        raise ValueError(f"report: outcome: found {outcome!r} with verdict {decision.verdict!r}, wanted {wanted}")
    columns = column_documents(decision, baseline, state, controlled)
    document: Json = {
        "schema": SCHEMA,
        "outcome": outcome,
        "headline": "",
        "reasons": [],
        "at": at,
        "evidence_uri": evidence_uri,
        "watched": _watched(watched),
        "rules": asdict(rules),
        "data": _data(decision, tally.as_json(), plan),
        "columns": columns,
        "confirmation": dict(confirmation) if confirmation is not None else None,
        "quality": _quality(quality, controlled),
        "attribution": _attribution(attribution),
        "assumptions": list(decision.assumptions),
        "history": [dict(each) for each in history[-HISTORY:]],
    }
    document["headline"] = headline(document)
    document["reasons"] = _reasons(decision, document)
    return cast("Json", _writable(document))


def _writable(value: object) -> object:
    """Return the value with texts that UTF-8 can hold: JSON of a caller may escape half a character."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_writable(key): _writable(each) for key, each in value.items()}
    if isinstance(value, list) and not (value and isinstance(value[0], int | float)):
        return [_writable(each) for each in value]
    return value


def _watched(watched: Mapping[str, Any]) -> Json:
    baseline = watched["baseline"]
    told = {"uri": baseline["baseline"]["uri"], "digest": baseline["baseline"]["digest"], "rows": baseline["rows"]}
    return {name: watched[name] for name in WATCHED} | {"baseline": told}


def _data(decision: Decision, tally: Mapping[str, Any], plan: Mapping[str, Any]) -> Json:
    poisoned = sum(tally["poison"].values())
    records = tally["records"] + poisoned
    return {
        "records": records,
        "rows": decision.rows,
        "poison": dict(sorted(tally["poison"].items(), key=lambda item: (-item[1], item[0]))),
        "poison_records": poisoned,
        "poison_share": poisoned / records if records else 0.0,
        "without_answer": tally["without_answer"],
        "own": tally.get("own", 0),
        "files": plan["files"],
        "bytes": plan["bytes"],
        "late_files": plan["late_files"],
        "gaps": list(plan["gaps"]),
        "findings": [asdict(found) for found in decision.quality],
    }


def _reasons(decision: Decision, document: Json) -> list[str]:
    """Return why: what is broken, then columns by gravity and effect, then what is said of quality and attribution."""
    told = [found.text for found in decision.quality if found.breach]
    told += [reason for column in document["columns"] for reason in column["reasons"]]
    told = told or list(decision.reasons)
    quality, attribution = document["quality"], document["attribution"]
    if quality and quality["status"] == "regressed":
        told.append(f"model quality: {quality['reason']}")
    if attribution and attribution["status"] == "moved":
        told.append(f"attribution: {attribution['reason']}")
    return told


def _quality(found: Mapping[str, Any] | None, controlled: Collection[str]) -> Json | None:
    if found is None:
        return None
    bias = [_known(each, BIAS) for each in found.get("bias", ())]
    for each in bias:
        group = each["group"]
        if each["column"] in controlled and group not in NO_GROUP and not DIGEST.fullmatch(group):
            raise ValueError(f"report: bias of {each['column']}: found a group of a controlled column, wanted a digest")
    metrics = [_known(each, METRIC) for each in found.get("metrics", ())]
    figures = {name: _known(each, ESTIMATE) for name, each in found.get("figures", {}).items()}
    return _known(found, QUALITY) | {"metrics": metrics, "figures": figures, "bias": bias}


def _attribution(found: Mapping[str, Any] | None) -> Json | None:
    if found is None:
        return None
    return _known(found, ATTRIBUTION) | {"features": [_known(each, RANKED) for each in found.get("features", ())]}


def _known(found: Mapping[str, Any], names: Sequence[str]) -> Json:
    """Return the members that the report knows; absent ones as None, as what JSON cannot hold."""
    told = {name: found.get(name) for name in names}
    for name, value in told.items():
        if isinstance(value, float):
            told[name] = finite(value)
        elif isinstance(value, Mapping):
            told[name] = {key: finite(each) if isinstance(each, float) else each for key, each in value.items()}
    return told


def summary(document: Json) -> Json:
    """Return what the reports of later windows show of this one; at most 12 KB of JSON, whatever the columns are."""
    largest = sorted(document["columns"], key=lambda column: (-column["effect"], column["name"]))[:SUMMARY_COLUMNS]
    drifting = [column["name"] for column in document["columns"] if column["verdict"] == "drift"]
    quality, attribution = document["quality"], document["attribution"]
    metrics = {
        each["name"]: [_rounded(each["value"]), _rounded(each["low"]), _rounded(each["high"])]
        for each in (quality or {}).get("metrics", ())
        if each["value"] is not None
    }
    told: Json = {
        "window": document["watched"]["window"],
        "run": document["watched"]["run"],
        "at": document["at"],
        "outcome": document["outcome"],
        "rows": document["data"]["rows"],
        "poison_share": round(document["data"]["poison_share"], 5),
        "late_files": document["data"]["late_files"],
        "package_arn": document["watched"]["package_arn"],
        "drifting": drifting[:SUMMARY_NAMES],
        "columns": {
            column["name"]: [_rounded(column["effect"]), _rounded(column["effects"]["missing_after"])]
            for column in largest
        },
        "quality": {"status": quality["status"], "metrics": metrics} if quality else None,
        "ndcg": _rounded(attribution["ndcg"]) if attribution else None,
    }
    while told["columns"] and len(json.dumps(told, ensure_ascii=False).encode(errors="replace")) > SUMMARY_BYTES:
        told["columns"].popitem()
    return told


SUMMARY_BYTES = 12_000
"""An item of DynamoDB holds 400 KB, and a report reads 48 of them."""


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")


def effects(document: Json) -> dict[str, str]:
    """Return how far the columns moved that drift or are broken, in words, the largest effect first."""
    told: dict[str, str] = {}
    for found in document["data"]["findings"]:
        if found["breach"]:
            told[found["column"]] = _without_name(found["column"], found["text"])
    for column in document["columns"]:
        if column["verdict"] == "drift":
            words = [_without_name(column["name"], reason) for reason in column["reasons"]]
            known = told.get(column["name"])
            told[column["name"]] = "; ".join([known, *words] if known else words)
    return dict(list(told.items())[:EVENT_COLUMNS])


def _without_name(name: str, words: str) -> str:
    return words.removeprefix(f"{name}: ")
