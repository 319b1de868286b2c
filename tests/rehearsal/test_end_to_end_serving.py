"""From data to a deployed endpoint, and what may happen to it then: duplicates, busy, rolled back, stopped.

One model with two packages goes through it, a fixture for each step. Both packages were judged before any champion
served; the second answers rows of a scanner ``X``, which no offline set has, with an error.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest

from muster import digests, naming
from muster.contracts.evidence import Evidence
from muster.contracts.pipeline import PendingApproval
from muster.errors import Refused
from ops import executions
from ops.demo.load import Load, rows_of
from ops.executions import Ended
from rehearsal import scheduler
from tests.rehearsal.baseline_support import bound_to_package, counts_what_was_trained_on
from tests.rehearsal.stage_support import MODEL, PATIENCE, Site, Started, one_line

pytestmark = pytest.mark.xdist_group("stage")
NAME = "serves"
MOST_TRANSITIONS, MOST_LAMBDA_CALLS = 56, 17
"""Of one run from its request to the deployed endpoint: all its executions, and the functions that events start."""
BY_EVENTS = ("muster-record-decision", "muster-move-champion")


def _fails_live(text: str) -> str:
    predict = "    return model.booster.predict(model.matrix(data))\n"
    return text.replace(
        predict, f'    if any(row[0] == "X" for row in data):\n        raise RuntimeError("scanner X")\n{predict}'
    )


def _rows() -> list[str]:
    return [row for row in rows_of(MODEL / "data" / "batch.csv") if ",," not in row]


def _poison(site: Site) -> Load:
    """Return traffic that only the second package cannot answer."""
    rows = ["X" + row[row.index(",") :] for row in _rows()]
    return Load(site.all.client("sagemaker-runtime"), site.endpoint(NAME), rows, "text/csv")


def _deploy(site: Site, package: PendingApproval) -> str:
    request = {"model_package_arn": package.package_arn, "evidence_digest": package.evidence_digest}
    return executions.start(site.olga, "deployment", request)


def _roll_back(site: Site, reason: str) -> Ended:
    return site.ended(executions.start(site.olga, "rollback", {"endpoint": site.endpoint(NAME), "reason": reason}))


def _at_peace(site: Site, config: str, package: PendingApproval) -> None:
    """Assert that a configuration serves, that every record says so, and that nobody holds the endpoint."""
    endpoint = site.endpoint(NAME)
    assert site.in_service(NAME) == config
    live = site.endpoints.live(endpoint)
    assert live is not None
    assert (live.config_name, live.package_arn) == (config, package.package_arn)
    site.champion(NAME, package.package_arn)
    assert site.endpoints.lease(endpoint) is None
    assert [each for each in site.endpoints.in_progress() if each.endpoint == endpoint] == []


# -- the first deployment ----------------------------------------------------------------------------------------------
@dataclass
class First:
    """Two packages; the good one was approved and deployed, the bad one waits for a person."""

    run: Started
    good: PendingApproval
    bad: PendingApproval
    pipeline: Ended
    deployment: Ended
    too_early: Ended
    by_events: Counter[str]

    @property
    def config(self) -> str:
        """The good package's endpoint configuration."""
        return str(self.deployment.output["config_name"])


@pytest.fixture(scope="module")
def first(site: Site) -> First:
    """Train two candidates side by side, let one be approved, and wait for its deployment."""
    folder = site.write(NAME)
    site.put_data(folder)
    good = site.start(NAME, spec_digest=site.publish(folder).spec_digest)
    # Another number of rounds makes another spec, so that the two publications stay apart.
    other = site.publish(site.write(NAME, {"training.hyperparameters.num_round": 31}, {"inference.py": _fails_live}))
    bad = site.start(NAME, spec_digest=other.spec_digest)
    approval, waits = site.pending(good), site.pending(bad)
    too_early = site.ended(_deploy(site, waits))
    before = len(site.rehearsal.lambda_calls())
    site.answer(site.alex, approval.package_arn)
    pipeline, deployment = site.ended(good.arn), site.deployment(approval.package_arn)
    site.champion(NAME, approval.package_arn)
    site.settled()
    calls = Counter(call.function for call in site.rehearsal.lambda_calls()[before:] if call.function in BY_EVENTS)
    return First(good, approval, waits, pipeline, deployment, too_early, calls)


def test_a_model_gets_from_data_to_an_endpoint(site: Site, first: First) -> None:
    # Given data, a publication, and the yes of a second person, when all has ended, then the endpoint serves and answers.
    assert (first.pipeline.outcome, first.deployment.outcome) == ("approved", "deployed")
    assert first.pipeline.output["package_arn"] == first.good.package_arn == first.deployment.output["package_arn"]
    _at_peace(site, first.config, first.good)
    answer = site.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=site.endpoint(NAME), ContentType="text/csv", Accept="text/csv", Body=_rows()[0].encode()
    )
    assert 0.0 <= float(answer["Body"].read()) <= 1.0


def test_the_approved_digest_is_that_of_the_evidence(site: Site, first: First) -> None:
    # Given the deployed package, when its evidence is read, then its sha256 is the digest that package, approval,
    # deployment and endpoint history name, ...
    s3, sagemaker = site.client("s3"), site.client("sagemaker")
    package = sagemaker.describe_model_package(ModelPackageName=first.good.package_arn)
    bucket, key = naming.split_s3_uri(first.good.evidence_uri)
    data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    digest = digests.sha256(data)
    assert digest in package["CustomerMetadataProperties"].values()
    live = site.endpoints.live(site.endpoint(NAME))
    assert live is not None
    assert {digest} == {first.good.evidence_digest, first.deployment.output["evidence_digest"], live.evidence_digest}
    # ... the eight facts of R1 are in it, ...
    document = Evidence.model_validate_json(data, strict=False)
    facts = (
        document.artifact.digest,
        document.training.input_manifest_digest,
        document.code.commit,
        document.image.digest,
        document.data.digest,
        document.evaluation.report_digest,
        document.approval.keys,
        document.deployment_history.keys,
    )
    assert all(facts), facts
    # ... and every object that it names has the digest that it says, under Object Lock, as has the evidence itself.
    named = (
        (document.artifact.uri, document.artifact.digest),
        (document.data.manifest_uri, document.data.digest),
        (document.code.code_uri, document.code.code_digest),
        (document.code.spec_uri, document.code.spec_digest),
        (document.evaluation.evaluation_uri, document.evaluation.evaluation_digest),
        (document.evaluation.report_uri, document.evaluation.report_digest),
        (first.good.evidence_uri, digest),
    )
    for uri, wanted in named:
        bucket, key = naming.split_s3_uri(uri)
        found = s3.get_object(Bucket=bucket, Key=key)
        assert digests.sha256(found["Body"].read()) == wanted, uri
        assert found["ObjectLockMode"] == "GOVERNANCE", uri
        assert found["ObjectLockRetainUntilDate"] - found["LastModified"] > timedelta(days=2500), uri


def test_the_baseline_is_bound_to_the_package_and_counts_what_was_trained_on(site: Site, first: First) -> None:
    counts_what_was_trained_on(bound_to_package(site, first.good.package_arn, first.good.evidence_uri))


def test_the_report_says_the_verdict_first(site: Site, first: First) -> None:
    bucket, key = naming.split_s3_uri(first.pipeline.output["report_uri"])
    page = site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert '<section id="verdict" class="verdict passed">' in page
    assert "<!--muster:verdict-->" not in page
    assert page.index('id="verdict"') < page.index("<svg")
    assert re.search(r'(?:src|href)="(?:https?:)?//|@import|url\(', page) is None, (
        "the page needs something from outside"
    )


def test_a_run_costs_few_transitions_and_lambda_calls(
    site: Site, first: First, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given the run from its request to the deployed endpoint, when its cost is counted, then it is within the bound.
    arns = {**site.executions_of_run(first.run), "deployment": first.deployment.arn}
    counts = {workflow: executions.counted(site.all, arn) for workflow, arn in arns.items()}
    for workflow, arn in arns.items():
        assert counts[workflow].transitions == site.rehearsal.transitions(arn), workflow
    transitions = sum(each.transitions for each in counts.values())
    calls = sum(each.lambda_calls for each in counts.values()) + first.by_events.total()
    with capsys.disabled():
        each = ", ".join(f"{workflow} {count.transitions}" for workflow, count in counts.items())
        print(f"\nfrom request to endpoint: {transitions} transitions ({each}), {calls} Lambda calls")
    assert set(counts) == {"pipeline", "training", "evaluation", "registration", "approval", "deployment"}
    assert first.by_events == dict.fromkeys(BY_EVENTS, 1)
    assert transitions <= MOST_TRANSITIONS
    assert calls <= MOST_LAMBDA_CALLS


def test_a_package_that_nobody_approved_is_not_deployed(site: Site, first: First) -> None:
    # Given a package that waits for a person, when an operator starts its deployment, then registry and ledger say no.
    assert first.too_early.outcome == "refused"
    one_line("; ".join(first.too_early.output["reasons"]), first.bad.package_arn, "PendingManualApproval")


def test_who_may_start_a_pipeline_may_not_deploy(site: Site, first: First) -> None:
    request = {"model_package_arn": first.good.package_arn, "evidence_digest": first.good.evidence_digest}
    with pytest.raises(Refused, match="not authorized to perform: states:StartExecution"):
        executions.start(site.dana, "deployment", request)


def test_a_second_event_of_the_same_approval_deploys_nothing(site: Site, first: First) -> None:
    # Given a deployed package, when its ModelApproved comes once more, then a second deployment ends refused.
    before = len(site.executions_of("deployment", model_package_arn=first.good.package_arn))
    detail = {
        "model": NAME,
        "model_package_arn": first.good.package_arn,
        "evidence_digest": first.good.evidence_digest,
        "run": first.run.run,
    }
    entry = {
        "EventBusName": site.all.bus,
        "Source": "muster",
        "DetailType": "ModelApproved",
        "Detail": json.dumps(detail),
    }
    site.client("events").put_events(Entries=[entry])
    second = site.deployment(first.good.package_arn, before)
    assert second.outcome == "refused"
    one_line("; ".join(second.output["reasons"]), "already deployed", first.deployment.arn)
    _at_peace(site, first.config, first.good)


# -- the second package ------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def rolled_back(site: Site, first: First) -> Ended:
    """The bad package, approved and deployed under the traffic that it fails."""
    with _poison(site):
        site.answer(site.kim, first.bad.package_arn)
        # The first one was asked for too early, and by hand.
        return site.deployment(first.bad.package_arn, 1)


def test_a_silent_rollback_is_no_success(site: Site, first: First, rolled_back: Ended) -> None:
    # Given an update that SageMaker takes back because of an alarm, when the deployment ends, then it says so ...
    assert rolled_back.outcome == "rolled_back"
    one_line("; ".join(rolled_back.output["reasons"]), first.config, "ALARM")
    # ... and the good package serves on: the event of each alarm that rang, which comes too, must not take that out as well.
    alarmed = site.until(
        lambda: site.executions_of("rollback", endpoint=site.endpoint(NAME)) or None, "the alarm's rollback"
    )
    assert {site.ended(arn).outcome for arn in alarmed} == {"refused"}
    _at_peace(site, first.config, first.good)
    mark = site.endpoints.mark(site.endpoint(NAME), first.bad.package_arn, first.bad.evidence_digest)
    assert mark is not None
    assert mark.status == "rolled_back"


@dataclass
class Again:
    """The bad package deployed without its traffic, and what was tried meanwhile."""

    deployment: Ended
    same: Ended
    rollback: Ended


@pytest.fixture(scope="module")
def again(site: Site, first: First, rolled_back: Ended) -> Again:
    """Deploy the bad package once more; while its traffic shifts, ask for the same again and for a rollback."""
    assert rolled_back.outcome == "rolled_back"
    tried: list[Ended] = []

    def act(_: str) -> None:
        tried.append(site.ended(_deploy(site, first.bad)))
        tried.append(_roll_back(site, "in the middle"))

    with site.on_state("deployment:*", "WaitForEndpoint", act) as done:
        deployment = site.ended(_deploy(site, first.bad))
        assert done.is_set()
    return Again(deployment, *tried)


def test_an_endpoint_that_is_busy_is_left_alone(site: Site, first: First, again: Again) -> None:
    # Given a deployment in progress, when the same is asked for again, and a rollback, then both are refused by name ...
    assert (again.same.outcome, again.rollback.outcome) == ("refused", "refused")
    one_line("; ".join(again.same.output["reasons"]), "already in progress", again.deployment.arn)
    one_line(
        "; ".join(again.rollback.output["reasons"]), f"endpoint {site.endpoint(NAME)} is busy", again.deployment.arn
    )
    # ... and the first one is not disturbed: what had failed once may be deployed again.
    assert again.deployment.outcome == "deployed"


@pytest.fixture(scope="module")
def alarmed(site: Site, again: Again) -> Ended:
    """The rollback that an alarm starts after the deployment was over."""
    assert again.deployment.outcome == "deployed"
    known = site.executions_of("rollback", endpoint=site.endpoint(NAME))
    assert site.in_service(NAME) == again.deployment.output["config_name"]
    with _poison(site):
        arn = site.until(
            lambda: next(
                (each for each in site.executions_of("rollback", endpoint=site.endpoint(NAME)) if each not in known),
                None,
            ),
            "a rollback",
        )
        return site.ended(arn)


def test_an_alarm_after_the_deployment_rolls_back(site: Site, first: First, again: Again, alarmed: Ended) -> None:
    # Given a model that fails after its deployment, when its alarm rings, then the last known good one serves again.
    given = json.loads(site.client("stepfunctions").describe_execution(executionArn=alarmed.arn)["input"])
    assert re.fullmatch(rf"alarm muster-{site.endpoint(NAME)}-[0-9a-f]{{12}}-error-count", given["reason"])
    assert alarmed.outcome == "rolled_back"
    _at_peace(site, first.config, first.good)


@dataclass
class ByHand:
    """A rollback by an operator, and a second one with nothing left to go back to."""

    rollback: Ended
    second: Ended


@pytest.fixture(scope="module")
def by_hand(site: Site, first: First, alarmed: Ended) -> ByHand:
    """Deploy the bad package a third time, and let the operator roll it back."""
    assert alarmed.outcome == "rolled_back"
    assert site.ended(_deploy(site, first.bad)).outcome == "deployed"
    return ByHand(_roll_back(site, "a hunch"), _roll_back(site, "another hunch"))


def test_an_operator_rolls_back(site: Site, first: First, by_hand: ByHand) -> None:
    # Given a deployed package, when the operator rolls back, then the one before serves; a second time there is none.
    assert by_hand.rollback.outcome == "rolled_back"
    _at_peace(site, first.config, first.good)
    assert by_hand.second.outcome == "refused"
    one_line("; ".join(by_hand.second.output["reasons"]), site.endpoint(NAME))


def test_a_deployment_that_is_stopped_frees_the_endpoint_and_its_end_is_found(
    site: Site, first: First, by_hand: ByHand
) -> None:
    # Given a deployment whose traffic shifts, when somebody stops the execution, then lease and mark are settled, ...
    assert by_hand.rollback.outcome == "rolled_back"
    with site.on_state("deployment:*", "WaitForEndpoint") as waits:
        arn = _deploy(site, first.bad)
        assert waits.wait(PATIENCE)
    site.client("stepfunctions").stop_execution(executionArn=arn, error="Stopped", cause="by hand")
    assert site.ended(arn).status == "ABORTED"
    endpoint = site.endpoint(NAME)
    site.until(lambda: True if site.endpoints.lease(endpoint) is None else None, "the lease to be free")
    mark = site.endpoints.mark(endpoint, first.bad.package_arn, first.bad.evidence_digest)
    assert mark is not None
    assert (mark.owner, mark.status) == (arn, "failed")
    # ... SageMaker goes on with the update, and when it has settled the sweep records and announces what serves ...
    serving = site.in_service(NAME)
    assert serving != first.config
    scheduler.fire("muster/muster-reconcile")
    site.until(
        lambda: ((live := site.endpoints.live(endpoint)) and live.config_name == serving) or None, "the true record"
    )
    site.champion(NAME, first.bad.package_arn)
    # ... and a rollback brings the good one back.
    assert _roll_back(site, "after a stop").outcome == "rolled_back"
    _at_peace(site, first.config, first.good)


def test_no_role_lacked_a_permission(site: Site) -> None:
    assert site.denied() == []
