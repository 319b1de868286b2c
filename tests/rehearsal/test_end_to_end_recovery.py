"""What is interrupted, stopped or lost half way: spot capacity, capacity at all, an execution, an event; and another kind of model."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import pytest

from muster.contracts.evidence import Evidence
from muster.contracts.pipeline import PendingApproval
from rehearsal import sagemaker, scheduler
from tests.rehearsal.stage_support import REGRESSION, Site, Started

pytestmark = pytest.mark.xdist_group("stage")


def _slow_after_checkpoint(text: str) -> str:
    # A resumed attempt has passed this round.
    rename = '            unfinished.rename(self.folder / f"{self.run}-{rounds:06d}.json")\n'
    return text.replace(
        rename, rename + "            if rounds == self.every:\n                __import__('time').sleep(60)\n"
    )


def _slow(text: str) -> str:
    return text.replace("    train = read_channel", "    __import__('time').sleep(60)\n    train = read_channel")


@pytest.fixture(scope="module")
def runs(site: Site) -> dict[str, Started]:
    """One run that loses its spot capacity after a checkpoint, one that gets none, and one of another kind of model."""
    started = {}
    for name, spec, files in (
        ("interrupted", {"training.hyperparameters.checkpoint_every": 10}, {"train.py": _slow_after_checkpoint}),
        ("no_capacity", {}, {}),
    ):
        folder = site.write(name, spec, files)
        site.put_data(folder)
        site.publish(folder)
        started[name] = site.named(name, f"recover-{name}")
    sagemaker.interrupt_next(f"{started['interrupted'].run}-train-*", after_checkpoint=True)
    sagemaker.fail_capacity_next(f"{started['no_capacity'].run}-train-*")
    for name in started:
        site.start(name, f"recover-{name}")
    folder = site.write("pumps", source=REGRESSION)
    site.put_data(folder, REGRESSION)
    site.publish(folder)
    return {**started, "pumps": site.start("pumps")}


def _training_jobs(site: Site, started: Started) -> list[dict[str, Any]]:
    """Return a run's training jobs, the oldest first."""
    client = site.client("sagemaker")
    listed = client.list_training_jobs(
        NameContains=f"{started.run}-train-", SortBy="CreationTime", SortOrder="Ascending"
    )
    return [
        client.describe_training_job(TrainingJobName=each["TrainingJobName"]) for each in listed["TrainingJobSummaries"]
    ]


def _evidence(site: Site, approval: PendingApproval) -> Evidence:
    bucket, _, key = approval.evidence_uri.removeprefix("s3://").partition("/")
    return Evidence.model_validate_json(
        site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(), strict=False
    )


def _over(site: Site, approval: PendingApproval) -> None:
    """Assert that nobody can answer any more: the token is void, and an approval is refused and set back."""
    assert site.approvals.standing(approval.package_arn).status == "void"
    site.answer(site.alex, approval.package_arn)
    late = site.answer_of("alex", approval.package_arn)
    assert (late["outcome"], "closed (void)" in late["why"]) == ("refused", True), late
    site.set_back(approval.package_arn)


def test_an_interrupted_training_goes_on_from_its_checkpoint(site: Site, runs: dict[str, Started]) -> None:
    # Given spot capacity that is taken away after ten rounds, when the run waits for a person, then one job made the
    # model, in two attempts, the second from the checkpoint of the first, and the evidence says so.
    evidence = _evidence(site, site.pending(runs["interrupted"]))
    (job,) = _training_jobs(site, runs["interrupted"])
    statuses = [each["Status"] for each in job["SecondaryStatusTransitions"]]
    assert statuses.count("Training") == 2
    assert "Interrupted" in statuses
    log = sagemaker.log_file("training", job["TrainingJobName"]).read_text()
    assert "resuming from the checkpoint of round 10" in log
    assert "trained 30 rounds" in log
    assert (evidence.training.job_name, evidence.training.spot) == (job["TrainingJobName"], True)


def test_without_spot_capacity_the_training_falls_back_to_on_demand(site: Site, runs: dict[str, Started]) -> None:
    # Given no spot capacity, when the run waits for a person, then a second job, on demand, made the model.
    evidence = _evidence(site, site.pending(runs["no_capacity"]))
    lost, made = _training_jobs(site, runs["no_capacity"])
    assert (lost["TrainingJobStatus"], lost["EnableManagedSpotTraining"]) == ("Failed", True)
    assert (made["TrainingJobStatus"], made["EnableManagedSpotTraining"]) == ("Completed", False)
    assert (evidence.training.job_name, evidence.training.spot) == (made["TrainingJobName"], False)


def test_stopping_a_run_that_trains_stops_its_job(site: Site) -> None:
    # Given a run whose training job runs, when a person stops the pipeline, then job and children stop, the run's record
    # says why, and nothing is left.
    started = site.run("slow", files={"train.py": _slow})
    site.until(
        lambda: next((job for job in _training_jobs(site, started) if job["SecondaryStatus"] == "Training"), None),
        "the training",
    )
    site.client("stepfunctions").stop_execution(executionArn=started.arn, error="Stopped", cause="by hand")
    assert site.ended(started.arn).status == "ABORTED"
    site.nothing_half_done(started)
    assert "Stopped: by hand" in site.runs.get(started.run)["error"]  # type: ignore[index]
    (job,) = _training_jobs(site, started)
    assert job["TrainingJobStatus"] == "Stopped"
    children = site.executions_of_run(started)
    assert {workflow: site.ended(arn).status for workflow, arn in children.items()} == {
        "pipeline": "ABORTED",
        "training": "ABORTED",
    }


def test_stopping_a_run_that_waits_voids_its_approval(site: Site, runs: dict[str, Started]) -> None:
    # Given a run that waits for a person, when the pipeline is stopped, then the approval is void.
    started, approval = runs["interrupted"], site.pending(runs["interrupted"])
    site.client("stepfunctions").stop_execution(executionArn=started.arn, error="Stopped", cause="a better idea")
    assert site.ended(started.arn).status == "ABORTED"
    site.nothing_half_done(started, package=True)
    _over(site, approval)


def test_reconcile_mends_what_a_lost_event_left(site: Site, runs: dict[str, Started]) -> None:
    # Given a run that waits for a person, and whose end nobody hears of ...
    started, approval = runs["no_capacity"], site.pending(runs["no_capacity"])
    events = site.client("events")
    rule = next(
        each["Name"]
        for each in events.list_rules()["Rules"]
        if "Execution Status Change" in each.get("EventPattern", "")
    )
    with ExitStack() as stack:
        events.disable_rule(Name=rule)
        stack.callback(events.enable_rule, Name=rule)
        site.client("stepfunctions").stop_execution(executionArn=started.arn)
        assert site.ended(started.arn).status == "ABORTED"
        site.settled()
    assert site.approvals.standing(approval.package_arn).status == "pending"
    # ... when the schedule fires, then its approval is void.
    scheduler.fire("muster/muster-reconcile")
    site.until(
        lambda: site.approvals.standing(approval.package_arn).status == "void" or None, "the approval to be void"
    )
    _over(site, approval)


def test_a_regression_model_gets_to_an_approval_and_an_endpoint(site: Site, runs: dict[str, Started]) -> None:
    # Given a model of another problem type, when a person approves it, then it is deployed as any other.
    approval = site.pending(runs["pumps"])
    site.answer(site.alex, approval.package_arn)
    ended = site.ended(runs["pumps"].arn)
    assert ended.outcome == "approved"
    assert site.deployment(approval.package_arn).outcome == "deployed"
    bucket, _, key = ended.output["report_uri"].removeprefix("s3://").partition("/")
    figures = json.loads(
        site.client("s3").get_object(Bucket=bucket, Key=key.replace("report.html", "evaluation.json"))["Body"].read()
    )
    assert figures["problem_type"] == "regression"
    assert {"rmse", "mae", "r2"} <= set(figures["candidate"]["reference"]["overall"])


def test_no_role_lacked_a_permission(site: Site) -> None:
    assert site.denied() == []
