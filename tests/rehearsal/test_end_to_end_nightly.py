"""Nightly evaluation end to end: a model that serves, the same endpoint with another model put there past Muster, and none."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

import pytest

from muster import naming
from muster.aws.ledger_nightly import Nights
from muster.contracts.base import parse
from muster.contracts.nightly import NightlyReport
from ops import executions
from ops.executions import Ended
from rehearsal import scheduler
from rehearsal.sagemaker import capture
from tests.rehearsal.stage_support import MODEL, Site

pytestmark = pytest.mark.xdist_group("watched")
NAME = "asked_nightly"
TURNED = """

_asked = predict_fn


def predict_fn(data, model):
    return 1 - _asked(data, model)
"""
"""What makes of a good model a bad one: every diagnosis is the other one."""


@dataclass
class Served:
    """A model that serves, and its nights."""

    site: Site
    endpoint: str
    package: str

    def night(self) -> Ended:
        """What the operator starts by hand, and the sweep every night."""
        ended = self.site.ended(executions.start(self.site.olga, "nightly_evaluation", {"endpoint": self.endpoint}))
        assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
        return ended

    def read(self, uri: str) -> bytes:
        bucket, key = naming.split_s3_uri(uri)
        return bytes(self.site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())

    def report(self, ended: Ended) -> NightlyReport:
        return parse(NightlyReport, json.loads(self.read(ended.output["evidence_uri"])))

    def put_past_muster(self, name: str, code: str) -> None:
        """Serve the same artifact with more code in it, from a configuration that Muster never wrote."""
        sagemaker, buckets = self.site.client("sagemaker"), self.site.all.buckets
        serves = sagemaker.describe_endpoint(EndpointName=self.endpoint)["EndpointConfigName"]
        config = sagemaker.describe_endpoint_config(EndpointConfigName=serves)
        (variant,) = config["ProductionVariants"]
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        artifact = io.BytesIO(self.read(model["PrimaryContainer"]["ModelDataUrl"]))
        made = io.BytesIO()
        with tarfile.open(fileobj=artifact) as old, tarfile.open(fileobj=made, mode="w:gz") as new:
            for member in old:
                content = old.extractfile(member)
                data = content.read() if content else b""
                if member.name.endswith("code/inference.py"):
                    data += code.encode()
                    member.size = len(data)
                new.addfile(member, io.BytesIO(data))
        key = f"artifacts/{name}/model.tar.gz"
        self.site.client("s3").put_object(Bucket=buckets["records"], Key=key, Body=made.getvalue())
        container = {**model["PrimaryContainer"], "ModelDataUrl": naming.s3_uri(buckets["records"], key)}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=model["ExecutionRoleArn"])
        sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "ModelName": name}], KmsKeyId=config["KmsKeyId"]
        )
        sagemaker.update_endpoint(EndpointName=self.endpoint, EndpointConfigName=name)
        assert self.site.in_service(NAME) == name


@pytest.fixture(scope="module")
def served(site: Site) -> Served:
    changes = {"monitoring.nightly": {"requests_per_second": 20, "rows_per_request": 25}}
    approval = site.pending(site.run(NAME, changes))
    site.answer(site.alex, approval.package_arn)
    assert site.deployment(approval.package_arn).outcome == "deployed"
    return Served(site, site.endpoint(NAME), approval.package_arn)


@pytest.fixture(scope="module")
def first(site: Site, served: Served) -> Ended:
    """The first night, started as the schedule does: by the sweep of all endpoints."""
    scheduler.fire(f"{site.all.prefix}-nightly/{site.all.prefix}-nightly")
    (arn,) = site.until(
        lambda: site.executions_of("nightly_evaluation", endpoint=served.endpoint) or None, "the night to begin"
    )
    return site.ended(arn)


def test_a_model_that_serves_answers_as_it_was_registered(site: Site, served: Served, first: Ended) -> None:
    # Given a model that has just come into service, when its night is over
    assert first.outcome == "unchanged", first
    report = served.report(first)
    # Then every row was asked, every answer is what the registered model predicted, and every figure the registered one
    with (MODEL / "data" / "holdout_reference.csv").open() as file:
        rows = len(list(csv.DictReader(file)))
    assert report.answers is not None
    assert (report.answers.rows, report.answers.differing) == (rows, 0)
    assert report.nightly.requests == report.asked.next == -(-rows // 25)
    assert {each.metric for each in report.figures} == {"auc"}
    for each in report.figures:
        assert each.difference is not None
        assert (each.tonight, each.difference.value) == (each.registered, 0)
    # ... and the evidence bucket has page and figures, the ledger the night.
    assert b"As good as registered" in served.read(first.output["report_uri"])
    scored = first.output["evidence_uri"].replace("nightly.json", "evaluation.json")
    assert json.loads(served.read(scored))["holdouts"]["reference"]["rows"] == rows
    (night,) = Nights(site.ledger).history(served.endpoint, run="")
    assert (night.outcome, night.package_arn) == ("unchanged", served.package)


def test_nights_are_not_traffic(site: Site, served: Served, first: Ended) -> None:
    # Given a model whose traffic is captured, and one night, when what was captured is read
    capture.flush(served.endpoint)
    s3, bucket = site.client("s3"), site.all.buckets["capture"]
    files = s3.list_objects_v2(Bucket=bucket, Prefix=f"{served.endpoint}/primary/")["Contents"]
    lines = [line for each in files for line in served.read(naming.s3_uri(bucket, each["Key"])).splitlines()]
    asked = [json.loads(line)["eventMetadata"]["inferenceId"] for line in lines]
    # Then every request of the night says that it is Muster's own.
    night = served.report(first).nightly
    sent = {f"{naming.OWN_REQUEST}nightly-{night.run}-{number}" for number in range(night.requests)}
    assert sent <= set(asked)
    assert all(each.startswith(naming.OWN_REQUEST) for each in asked)


def test_a_bad_model_behind_musters_back_regresses_and_is_announced_once(
    site: Site, served: Served, first: Ended
) -> None:
    # Given the endpoint, led to a model that takes each class for the other, when two nights go by
    served.put_past_muster("muster-nightly-turned", TURNED)
    worse, again = served.night(), served.night()
    # Then both are worse, and say what answers there; ...
    assert (worse.outcome, again.outcome) == ("regressed", "regressed")
    assert worse.output["metrics"] == ["auc"]
    assert "auc on the reference holdout" in worse.output["reasons"][0]
    assert any("muster-nightly-turned" in each and "past Muster" in each for each in worse.output["reasons"])
    # ... one event told the governor, which has decided; ...
    site.settled()
    asked = [json.loads(_input(site, each)) for each in site.executions_of("retraining", model=NAME)]
    assert [(each["cause"], each["evidence_uri"]) for each in asked] == [("quality", worse.output["evidence_uri"])]
    # ... the alarm rings; ...
    alarm = f"{site.all.prefix}-nightly-regressed"
    site.until(lambda: _state(site, alarm) == "ALARM" or None, f"{alarm} to ring")
    # ... and the last night's page shows the three.
    page = served.read(again.output["report_uri"]).decode()
    assert "The last 3 nights" in page
    assert page.count("dot bad") == 2


def _state(site: Site, alarm: str) -> str:
    (found,) = site.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    return str(found["StateValue"])


def _input(site: Site, arn: str) -> Any:
    return site.client("stepfunctions").describe_execution(executionArn=arn)["input"]


def test_an_endpoint_that_is_gone_is_unavailable(site: Site, served: Served, first: Ended) -> None:
    # Given an endpoint that somebody has deleted, when its night comes, then that is the outcome, and its history has it.
    site.client("sagemaker").delete_endpoint(EndpointName=served.endpoint)
    ended = served.night()
    assert ended.outcome == "unavailable"
    assert "found none" in ended.output["reasons"][0]
    assert Nights(site.ledger).history(served.endpoint, run="")[0].outcome == "unavailable"


def test_an_endpoint_that_muster_never_deployed_serves_nothing(site: Site) -> None:
    ended = site.ended(executions.start(site.olga, "nightly_evaluation", {"endpoint": "muster-nobody"}))
    assert (ended.status, ended.outcome) == ("SUCCEEDED", "nothing_serves")


def test_nobody_was_denied(site: Site, served: Served, first: Ended) -> None:
    assert site.denied() == []
