"""Monitoring end to end: real traffic of a real endpoint, captured, counted, judged, and told of once."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from muster import naming
from muster.aws.documents import policy
from muster.aws.ledger_monitoring import Monitoring
from muster.captures import hour_of
from muster.contracts.base import iso, parse
from muster.contracts.drift_report import DriftReport
from ops import executions, monitoring
from ops.executions import Ended
from rehearsal.sagemaker import capture
from tests.numerics.capture_records import record
from tests.rehearsal.stage_support import MODEL, Site

pytestmark = pytest.mark.xdist_group("watched")
NAME = "watched"
ROWS_PER_REQUEST = 10


def _rows(grown: float = 1.0) -> list[str]:
    """Rows as the endpoint takes them, neither row id nor label, with all measurements so many times as large."""
    with (MODEL / "data" / "holdout_reference.csv").open(encoding="utf-8") as lines:
        rows = [list(each.values())[1:-1] for each in csv.DictReader(lines)]
    return [",".join([*row[:3], *(f"{float(value) * grown:.5g}" for value in row[3:])]) for row in rows]


@dataclass
class Watched:
    """A model that serves, and looks at its traffic."""

    site: Site
    endpoint: str
    package: str

    def ask(self, rows: list[str], *, own: bool = False) -> None:
        """Ask as callers do: for CSV, or without saying what for, which the model answers in JSON."""
        runtime = self.site.client("sagemaker-runtime")
        for first in range(0, len(rows), ROWS_PER_REQUEST):
            body = "\n".join(rows[first : first + ROWS_PER_REQUEST]).encode()
            named: dict[str, str] = {"InferenceId": f"{naming.OWN_REQUEST}test"} if own else {}
            accept = {"Accept": "text/csv"} if first % (2 * ROWS_PER_REQUEST) else {}
            runtime.invoke_endpoint(EndpointName=self.endpoint, ContentType="text/csv", Body=body, **named, **accept)

    def window(self, rows: list[str], poison: int = 0, **options: Any) -> dict[str, str]:
        """Send rows, and return the stretch of time in which they were captured."""
        clock = self.site.rehearsal.host.clock
        capture.flush(self.endpoint)  # a file's time is that of its first record
        clock.sleep(1)
        begun = clock.now()
        self.ask(rows, **options)
        capture.flush(self.endpoint)
        if poison:
            key = f"{self.endpoint}/primary/{begun:%Y/%m/%d/%H/%M-%S}-999-poison.jsonl"
            bucket = self.site.all.buckets["capture"]
            self.site.client("s3").put_object(Bucket=bucket, Key=key, Body=b"{broken\n" * poison)
        clock.sleep(1)
        return {"start": iso(begun), "end": iso(clock.now())}

    def look(self, window: dict[str, str], person: Any = None) -> Ended:
        """Let the operator look at a window with the command's own request."""
        wanted = monitoring.request(self.endpoint, window["start"], window["end"])
        ended = self.site.ended(executions.start(person or self.site.olga, "monitoring", wanted))
        assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
        return ended

    def read(self, uri: str) -> bytes:
        bucket, key = naming.split_s3_uri(uri)
        return self.site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()

    def retrainings(self) -> list[str]:
        return self.site.executions_of("retraining", model=NAME)


@pytest.fixture(scope="module")
def watched(site: Site) -> Watched:
    """A model whose traffic is captured, deployed."""
    explained = {"rows": 50, "instance_type": "ml.m5.large", "max_runtime_seconds": 600}
    spec = {
        "capture": {"enabled": True, "controlled_fields": []},
        "monitoring": {"min_rows": 100, "attribution": explained},
    }
    pending = site.pending(site.run(NAME, spec))
    site.answer(site.alex, pending.package_arn)
    assert site.deployment(pending.package_arn).outcome == "deployed"
    site.champion(NAME, pending.package_arn)
    return Watched(site, site.endpoint(NAME), pending.package_arn)


@pytest.fixture(scope="module")
def story(watched: Watched) -> list[Ended]:
    """Windows in their order: undrifted with Muster's own requests among it, poisoned, drifted, drifted, drifted."""
    same, other = _rows(), _rows(1.3)
    watched.ask(other, own=True)  # no traffic, whatever is asked
    windows = [watched.window(same), watched.window(same, poison=20)]
    windows += [watched.window(other) for _ in range(3)]
    return [watched.look(window) for window in windows]


def test_drift_is_suspected_then_confirmed_and_told_once(watched: Watched, story: list[Ended]) -> None:
    assert [each.outcome for each in story] == ["none", "inconclusive", "suspected", "drift", "drift"], [
        each.output["reasons"] for each in story
    ]
    assert [each.output["announce"] for each in story] == [False, False, False, True, False]
    assert "radius_mean" in story[3].output["features"]
    watched.site.settled()
    (asked,) = watched.retrainings()
    given = json.loads(watched.site.client("stepfunctions").describe_execution(executionArn=asked)["input"])
    assert given["evidence_uri"] == story[3].output["evidence_uri"]


def test_the_report_stands_in_the_evidence(watched: Watched, story: list[Ended]) -> None:
    ended = story[3]
    report = parse(DriftReport, json.loads(watched.read(ended.output["evidence_uri"])))
    assert (report.outcome, report.watched.package_arn) == ("drift", watched.package)
    assert len(report.history) == 3
    assert b"radius_mean" in watched.read(ended.output["report_uri"])
    prefix = ended.output["evidence_uri"].removesuffix("drift_report.json")
    statistics, violations = (
        json.loads(watched.read(f"{prefix}{name}.json")) for name in ("statistics", "constraint_violations")
    )
    assert statistics["dataset"]["item_count"] == ended.output["rows"] == 130
    assert "radius_mean" in {each["feature_name"] for each in violations["violations"]}
    state = Monitoring(watched.site.ledger).state(watched.endpoint)
    assert state is not None
    assert state.announced is not None
    assert state.announced.episode == ended.output["episode"]


def test_poison_is_kept_apart_with_its_reason(watched: Watched, story: list[Ended]) -> None:
    report = json.loads(watched.read(story[1].output["evidence_uri"]))
    assert report["data"]["poison"] == {"not_json": 20}
    work = naming.s3_uri(watched.site.all.buckets["work"], naming.monitoring_work_prefix(naming.run_id(story[1].arn)))
    kept = watched.read(f"{work}quarantine/0.jsonl").splitlines()
    assert len(kept) == 20


def test_a_large_window_is_counted_by_many(watched: Watched, story: list[Ended]) -> None:
    """More captured data than one worker counts: a Distributed Map, an Express execution per batch."""
    clock, s3 = watched.site.rehearsal.host.clock, watched.site.client("s3")
    rows = _rows()
    line = record("\n".join(rows), "\n".join(["0.5"] * len(rows))).encode() + b"\n"
    lines = policy()[0].monitoring.batch_bytes // 2 // len(line) + 1
    clock.sleep(1)
    begun = clock.now()
    for number in range(2):
        key = f"{watched.endpoint}/primary/{begun:%Y/%m/%d/%H/%M-%S}-{begun.microsecond // 1000:03}-{number}.jsonl"
        s3.put_object(Bucket=watched.site.all.buckets["capture"], Key=key, Body=line * lines)
    clock.sleep(1)
    ended = watched.look({"start": iso(begun.replace(microsecond=0)), "end": iso(clock.now())})
    assert ended.output["rows"] == 2 * lines * len(rows)
    below = naming.monitoring_work_prefix(naming.run_id(ended.arn))
    found = s3.list_objects_v2(Bucket=watched.site.all.buckets["work"], Prefix=below)["Contents"]
    names = [each["Key"].removeprefix(below) for each in found]
    assert [each for each in names if each.startswith("states/")] == ["states/0.json", "states/1.json"]
    assert [each.rpartition("/")[2] for each in names if each.startswith("map/")] == [
        "SUCCEEDED_0.json",
        "manifest.json",
    ]


def test_the_sweep_starts_one_run_per_endpoint_and_hour(watched: Watched, story: list[Ended]) -> None:
    """The run takes what has come since the last verdict, and the file of an earlier window that is late."""
    site, clock = watched.site, watched.site.rehearsal.host.clock
    late = datetime.fromisoformat(story[2].output["window"]["start"])
    key = f"{watched.endpoint}/primary/{late:%Y/%m/%d/%H/%M-%S}-{late.microsecond // 1000:03}-late.jsonl"
    row = record(_rows()[0], "0.5").encode()
    site.client("s3").put_object(Bucket=site.all.buckets["capture"], Key=key, Body=row)
    watched.window(_rows())
    now = clock.now()
    clock.sleep(3600 - (now - hour_of(now)).total_seconds())  # until the hour is full
    swept = [
        site.ended(executions.start(site.all, "sweep", {"workflow": "monitoring", "at": iso(clock.now())}))
        for _ in range(2)
    ]
    assert [each.outcome for each in swept] == ["swept", "swept"]
    started = [
        arn
        for arn in site.executions_of("monitoring", endpoint=watched.endpoint)
        if arn.endswith(f"-{clock.now():%Y%m%dT%H}")
    ]
    assert len(started) == 1
    ended = site.ended(started[0])
    assert (ended.outcome, ended.output["rows"]) == ("none", 131), ended
    report = json.loads(watched.read(ended.output["evidence_uri"]))
    assert (report["data"]["late_files"], report["attribution"]["status"]) == (1, "measured")


def test_nothing_that_muster_deployed_is_an_outcome(site: Site) -> None:
    ended = site.ended(executions.start(site.olga, "monitoring", {"endpoint": "elsewhere"}))
    assert (ended.status, ended.outcome) == ("SUCCEEDED", "insufficient")
    assert "found nothing that Muster deployed" in ended.output["reasons"][0]


def test_no_role_lacked_a_permission(site: Site, watched: Watched, story: list[Ended]) -> None:
    site.settled()
    assert site.denied() == []
