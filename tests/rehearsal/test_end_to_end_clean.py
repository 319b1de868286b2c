"""`muster clean` in a dev account: what Muster made outside its stacks goes, what is locked stays, and work can begin anew."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from muster import naming
from ops.demo.load import rows_of
from ops.stage import ROOT
from tests.docs.pages import blocks
from tests.rehearsal.stage_support import MODEL, Site, one_line

pytestmark = pytest.mark.xdist_group("stage")
SERVES, WAITS, TRAINS = "cleaned", "cleaned_waiting", "cleaned_training"
LOCKED = ("records", "evidence")
"""Buckets under Object Lock, as the templates' default has it."""


def _muster(site: Site, *words: str, typed: str = "", person: str = "casey", role: str = "Cleaner") -> Any:
    """Run the command with a person's credentials, and what they type."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    credentials = site.rehearsal.environment(site.rehearsal.person(person, role))
    return subprocess.run(
        [sys.executable, "-m", "ops", "clean", *words],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": f"{ROOT / 'layers' / 'muster'}:{ROOT}", **credentials},
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _versions(site: Site, bucket: str) -> int:
    pages = site.client("s3").get_paginator("list_object_versions").paginate(Bucket=site.all.buckets[bucket])
    return sum(len(page.get("Versions", [])) + len(page.get("DeleteMarkers", [])) for page in pages)


def _made(site: Site) -> dict[str, int]:
    """Count what the installation has made outside its stacks; looked up one by one, and not as the command does it."""
    sagemaker, states, prefix = site.client("sagemaker"), site.client("stepfunctions"), site.all.prefix
    groups = [
        each["ModelPackageGroupName"] for each in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    ]
    guards = [
        alarm["AlarmName"]
        for model in (SERVES, WAITS, TRAINS)
        for alarm in site.client("cloudwatch").describe_alarms(
            AlarmNamePrefix=naming.alarm_prefix(prefix, site.endpoint(model))
        )["MetricAlarms"]
    ]
    return {
        "executions": sum(
            len(states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"])
            for arn in site.all.state_machines.values()
        ),
        "training jobs": len(sagemaker.list_training_jobs(StatusEquals="InProgress")["TrainingJobSummaries"]),
        "endpoints": len(sagemaker.list_endpoints()["Endpoints"]),
        "configurations": len(sagemaker.list_endpoint_configs()["EndpointConfigs"]),
        "models": len(sagemaker.list_models()["Models"]),
        "alarms": len(guards),
        "packages": sum(
            len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"])
            for group in groups
        ),
        "groups": len(groups),
        "ledger": len(site.client("dynamodb").scan(TableName=site.all.ledger)["Items"]),
    } | {bucket: _versions(site, bucket) for bucket in site.all.buckets if bucket not in LOCKED}


def _slow(text: str) -> str:
    return text.replace("    train = read_channel", "    __import__('time').sleep(60)\n    train = read_channel")


@pytest.fixture(scope="module")
def made(site: Site) -> dict[str, int]:
    """One model that serves, one that waits for a person, and one that trains: what there is before the command."""
    serves, waits = site.run(SERVES, {"capture.enabled": True, "capture.controlled_fields": []}), site.run(WAITS)
    package = site.pending(serves).package_arn
    site.answer(site.alex, package)
    assert site.deployment(package).outcome == "deployed"
    site.in_service(SERVES)
    row = next(row for row in rows_of(MODEL / "data" / "batch.csv") if ",," not in row)
    site.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=site.endpoint(SERVES), ContentType="text/csv", Accept="text/csv", Body=row.encode()
    )
    site.until(lambda: _versions(site, "capture") or None, "the captured row")
    site.pending(waits)
    site.run(TRAINS, files={"train.py": _slow})
    jobs = site.client("sagemaker").list_training_jobs
    site.until(lambda: jobs(StatusEquals="InProgress")["TrainingJobSummaries"] or None, "the training")
    return _made(site)


def test_whoever_types_another_prefix_removes_nothing(site: Site, made: dict[str, int]) -> None:
    # Given an installation that works, when the command is run and something else is typed, then it says what it would
    # remove, its status is 2, and all is as it was.
    assert all(made.values()), made
    ended = _muster(site, typed="muster-prod\n")
    assert ended.returncode == 2, ended
    one_line(ended.stderr.strip(), "Refused", "nothing was removed")
    for kind in ("running executions", "endpoints", "model packages", "ledger items"):
        assert kind in ended.stdout
    assert _made(site) == made


def test_only_a_cleaner_may(site: Site, made: dict[str, int]) -> None:
    # Given a person who may publish and start, when they run the command, then IAM says no before anything is removed.
    ended = _muster(site, "--yes", person="dana", role="Scientist")
    assert ended.returncode == 1, ended
    one_line(ended.stderr.strip(), "AWS", "not authorized")
    assert _made(site) == made


def test_nothing_is_left_but_what_is_locked(site: Site, made: dict[str, int]) -> None:
    # Given a model that serves, one that waits and one that trains, when the prefix is typed, then all of it is gone ...
    locked = {bucket: _versions(site, bucket) for bucket in LOCKED}
    assert all(locked.values())
    ended = _muster(site, typed=f"{site.all.prefix}\n")
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    site.settled()
    left = {kind: count for kind, count in _made(site).items() if count}
    assert left == {}
    # ... but what Object Lock holds, which the command says.
    assert {bucket: _versions(site, bucket) for bucket in LOCKED} == locked
    for bucket, count in locked.items():
        line = next(line for line in ended.stdout.splitlines() if site.all.buckets[bucket] in line)
        assert str(count) in line
        assert "Object Lock (governance" in line


def test_it_can_be_repeated_and_work_begins_anew(site: Site, made: dict[str, int]) -> None:
    # Given an installation that was cleaned, when the command is run again, then there is nothing to do ...
    again = _muster(site, "--yes")
    assert (again.returncode, "nothing to remove" in again.stdout) == (0, True), again
    # ... and a model can be published, trained and put before a person as at first.
    assert site.pending(site.run(SERVES)).status == "pending"


def test_the_guide_empties_a_bucket(site: Site) -> None:
    # Given versions and a delete marker, when the guide's shell function is called, then nothing is left.
    s3, bucket = site.client("s3"), site.all.buckets["capture"]
    for body in (b"first", b"second"):
        s3.put_object(Bucket=bucket, Key="captured", Body=body)
    s3.delete_object(Bucket=bucket, Key="captured")
    script = next(block.text for block in blocks(ROOT / "docs" / "upgrade-and-remove.md") if "empty() {" in block.text)
    function = script.partition("for bucket in")[0].replace(".venv/bin/python", sys.executable)
    credentials = site.rehearsal.environment(site.rehearsal.person("casey", "Cleaner"))
    command = ["sh", "-ceu", f"{function}\nempty {bucket}"]
    ended = subprocess.run(command, env={**os.environ, **credentials}, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, ""), ended
    assert _versions(site, "capture") == 0


def test_no_role_lacked_a_permission(site: Site) -> None:
    assert site.denied() == []
