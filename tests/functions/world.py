"""One installation for a test: buckets and ledger on moto, the rest on the fakes, and the story up to any point of it.

Each step of the story runs the real handler, so what a test starts from is what the functions before it make.
"""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from muster import digests, naming, runtime
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Approvals
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.s3 import ObjectStore
from muster.contracts.base import iso, parse
from muster.contracts.pipeline import Publication
from muster.contracts.spec import ModelSpec
from tests.functions import fakes
from tests.functions.fake_storage import FakeDynamoDB, FakeS3
from tests.unit import samples

REGION, ACCOUNT, PREFIX = "us-gov-west-1", "123456789012", "muster-dev"
ARN = "arn:aws-us-gov"
T0 = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
IMAGE_DIGEST = "sha256:" + "1" * 64
IMAGE = f"414596584902.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost@{IMAGE_DIGEST}"
MODEL, ENDPOINT = "tumour", "muster-dev-tumour"
PREFIX_OF_DATA = "raw/tumour/training/"


def bucket(kind: str) -> str:
    return f"{PREFIX}-{kind}-{ACCOUNT}"


def execution(workflow: str, name: str = "one") -> dict[str, str]:
    return {"arn": f"{ARN}:states:{REGION}:{ACCOUNT}:execution:{PREFIX}-{workflow}:{name}", "name": name}


def session(role: str, name: str) -> str:
    return f"{ARN}:sts::{ACCOUNT}:assumed-role/{role}/{name}"


ENVIRONMENT = {
    "AWS_REGION": REGION,
    "MUSTER_PREFIX": PREFIX,
    **{f"MUSTER_{kind.upper()}_BUCKET": bucket(kind) for kind in ("data", "records", "evidence", "work", "capture")},
    "MUSTER_LEDGER_TABLE": f"{PREFIX}-ledger",
    "MUSTER_TOPIC_ARN": f"{ARN}:sns:{REGION}:{ACCOUNT}:{PREFIX}-notifications",
    "MUSTER_EVENT_BUS": PREFIX,
    **{
        f"MUSTER_{kind.upper()}_KEY_ARN": f"{ARN}:kms:{REGION}:{ACCOUNT}:key/{kind}"
        for kind in ("data", "models", "evidence", "ledger")
    },
    "MUSTER_JOB_ROLE_ARN": f"{ARN}:iam::{ACCOUNT}:role/muster-dev-job",
    "MUSTER_ENDPOINT_ROLE_ARN": f"{ARN}:iam::{ACCOUNT}:role/muster-dev-endpoint",
    "MUSTER_SUBNETS": "subnet-0a1b2c3d,subnet-4e5f6071",
    "MUSTER_SECURITY_GROUPS": "sg-0a1b2c3d",
    "MUSTER_OBJECT_LOCK": "governance",
    "MUSTER_OBJECT_LOCK_DAYS": "30",
    "MUSTER_MACHINE_ROLES": "muster-dev-record-decision,muster-dev-retraining,muster-dev-schedule",
}


@dataclass
class Context:
    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"{ARN}:lambda:{REGION}:{ACCOUNT}:function:function"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"


class World:
    """An installation and its accounts of what happened."""

    def __init__(self) -> None:
        self.now = T0
        self.settings = runtime.settings(ENVIRONMENT)
        self.s3, self.dynamodb = FakeS3(), FakeDynamoDB()
        self.sagemaker = fakes.FakeSageMaker(ACCOUNT, REGION, lambda: self.now)
        self.runtime, self.stepfunctions = fakes.FakeRuntime(), fakes.FakeStepFunctions()
        self.cloudtrail, self.cloudwatch = fakes.FakeCloudTrail(), fakes.FakeCloudWatch()
        self.events, self.sns, self.kms = fakes.FakeEvents(), fakes.FakeSns(), fakes.FakeKms()
        self.logs = fakes.FakeLogs()
        self.ledger = Ledger(self.dynamodb, self.settings.ledger_table)
        self.store = ObjectStore(self.s3)
        self.approvals, self.endpoints = Approvals(self.ledger), Endpoints(self.ledger)
        for kind in ("data", "records", "evidence", "work", "capture"):
            locked = kind in ("records", "evidence")
            self.s3.create_bucket(Bucket=bucket(kind), ObjectLockEnabledForBucket=locked)
        for kind in ("data", "capture"):
            self.version(bucket(kind))

    def client(self, service: str) -> Any:
        return {
            "s3": self.s3,
            "dynamodb": self.dynamodb,
            "sagemaker": self.sagemaker,
            "sagemaker-runtime": self.runtime,
            "stepfunctions": self.stepfunctions,
            "cloudtrail": self.cloudtrail,
            "cloudwatch": self.cloudwatch,
            "events": self.events,
            "sns": self.sns,
            "kms": self.kms,
            "logs": self.logs,
        }[service]

    def version(self, name: str, status: str = "Enabled") -> None:
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})

    # -- calling
    def call(self, function: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke a handler as Lambda does: JSON in, JSON out."""
        module = importlib.import_module(f"functions.{function}.app")
        answer = module.handler(json.loads(json.dumps(event)), Context(function_name=function))
        return json.loads(json.dumps(answer))

    def put(self, kind: str, key: str, data: bytes, **more: Any) -> str:
        self.s3.put_object(Bucket=bucket(kind), Key=key, Body=data, **more)
        return naming.s3_uri(bucket(kind), key)

    def body(self, uri: str) -> bytes:
        name, key = naming.split_s3_uri(uri)
        return self.s3.get_object(Bucket=name, Key=key)["Body"].read()

    def item(self, pk: str, sk: str) -> dict[str, Any] | None:
        return self.ledger.get(pk, sk)

    def later(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now

    @property
    def at(self) -> str:
        return iso(self.now)

    # -- the story: published
    def publish(self, *, publisher: str = "paula", model: str = MODEL, **changes: Any) -> Publication:
        """What `muster publish` leaves behind."""
        spec = parse(ModelSpec, samples.bent(samples.SPEC, name=model, **changes))
        data = digests.canonical(spec)
        code, golden = b"the code", b'{"body": "1.0,2.0\\n", "expect": {"low": 0.5}}\n'
        digest, code_digest = digests.sha256(data), digests.sha256(code)
        published = parse(
            Publication,
            {
                "model": spec.name,
                "spec_digest": digest,
                "spec_uri": self.put("records", naming.spec_key(digest), data),
                "code_digest": code_digest,
                "code_uri": self.put("records", naming.code_key(code_digest), code),
                "golden_uri": self.put("records", naming.golden_key(code_digest), golden),
                "image_uri": IMAGE,
                "image_digest": IMAGE_DIGEST,
                "commit": "c" * 40,
                "publisher": publisher,
                "published_at": self.at,
                "problem_type": spec.problem_type,
            },
        )
        for sk in ("PUBLICATION", f"PUBLICATION#{digest}"):
            self.ledger.put(f"MODEL#{spec.name}", sk, published.payload())
        return published

    def resolved(self, *, starter: str = "sam", name: str = "one") -> dict[str, Any]:
        """A run, started by a person whose session CloudTrail shows."""
        if self.item(f"MODEL#{MODEL}", "PUBLICATION") is None:
            self.publish()
        started = {**execution("pipeline", name), "started_at": self.at}
        self.stepfunctions.run(started["arn"])
        identity = {"type": "AssumedRole", "arn": session("MLStarter", starter)}
        self.cloudtrail.started(started["arn"], self.now, identity)
        return self.call("resolve_request", {"request": {"model": MODEL}, "execution": started})

    # -- trained
    def put_training(self, *names: str) -> None:
        for each in names or ("part1.csv", "part2.csv"):
            self.put("data", PREFIX_OF_DATA + each, f"sample_id,diagnosis\n{each},benign\n".encode())

    def snapshotted(self, run: dict[str, Any]) -> dict[str, Any]:
        self.put_training()
        return self.call("snapshot_data", {"run": run})["snapshot"]

    def trained(self, run: dict[str, Any] | None = None, weights: bytes = b"the weights") -> dict[str, Any]:
        """A run and its sealed training."""
        run = run or self.resolved()
        snapshot = self.snapshotted(run)
        name = self.train(run, weights)
        event = {"run": run, "snapshot": snapshot, "training_job_name": name}
        return {"run": run, "training": self.call("seal_artifact", event)}

    def train(self, run: dict[str, Any], weights: bytes = b"the weights", **changes: Any) -> str:
        """A finished training job, with what it left in the work bucket."""
        name = f"{run['run']}-train-{'f' * 32}"
        key = f"runs/{run['run']}/train/{name}/output/model.tar.gz"
        self.put("work", key, weights)
        self.sagemaker.training_jobs[name] = {
            "TrainingJobName": name,
            "TrainingJobArn": f"{ARN}:sagemaker:{REGION}:{ACCOUNT}:training-job/{name}",
            "TrainingJobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": naming.s3_uri(bucket("work"), key)},
            "TrainingTimeInSeconds": 120,
            "BillableTimeInSeconds": 60,
            "EnableManagedSpotTraining": True,
            "HyperParameters": {"max_depth": "3", "seed": "7", "sagemaker_program": '"train.py"'},
            **changes,
        }
        return name

    # -- evaluated
    def put_holdout(self, kind: str, letter: str = "x") -> str:
        manifest = digests.canonical({"schema": 1, "model": MODEL, "kind": kind, "letter": letter})
        digest = digests.sha256(manifest)
        prefix = naming.holdout_prefix(MODEL, digest)
        self.put("records", prefix + "manifest.json", manifest)
        uri = naming.s3_uri(bucket("records"), prefix)
        self.ledger.put(f"MODEL#{MODEL}", f"HOLDOUT#{kind}", {"digest": digest, "uri": uri, "rows": 130})
        return digest

    def report(self, plan: dict[str, Any], base: dict[str, Any] | None = None, **changes: Any) -> None:
        """What the evaluation job leaves: the figures and the page, for the holdouts of the plan."""
        base = base or (samples.CONTEST if plan["champion_package_arn"] else samples.REPORT)
        figures = samples.bent(base, **changes)
        for kind, digest in plan["holdouts"].items():
            if kind in figures["holdouts"]:
                figures["holdouts"][kind]["digest"] = digest
        name, prefix = naming.split_s3_uri(plan["report_prefix"])
        self.s3.put_object(Bucket=name, Key=prefix + "evaluation.json", Body=json.dumps(figures).encode())
        page = b"<html><body><!--muster:verdict--><p>plots</p></body></html>"
        self.s3.put_object(Bucket=name, Key=prefix + "report.html", Body=page)

    def evaluated(self, trained: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """A judged candidate."""
        trained = trained or self.trained()
        for kind in ("reference", "recent"):
            champion = self.item(f"MODEL#{MODEL}", "CHAMPION") is not None
            if self.item(f"MODEL#{MODEL}", f"HOLDOUT#{kind}") is None and (kind == "reference" or champion):
                self.put_holdout(kind)
        plan = self.call("plan_evaluation", trained)
        self.report(plan, **changes)
        return {**trained, "evaluation": self.call("judge_candidate", {**trained, "plan": plan})}

    # -- registered, asked, approved
    def registered(self, evaluated: dict[str, Any] | None = None) -> dict[str, Any]:
        evaluated = evaluated or self.evaluated()
        evidence = self.call("assemble_evidence", evaluated)
        return {"run": evaluated["run"], "registered": self.call("register_model", {**evaluated, "evidence": evidence})}

    def ask(self, registered: dict[str, Any], token: str = "token-1", **changes: Any) -> dict[str, Any]:
        """The event of `request_approval`, with its token waiting."""
        self.stepfunctions.waiting.add(token)
        return {**registered, "token": token, "requested_at": self.at, "execution": execution("approval"), **changes}

    def asked(self, registered: dict[str, Any] | None = None, token: str = "token-1") -> dict[str, Any]:
        registered = registered or self.registered()
        self.call("request_approval", self.ask(registered, token))
        self.later(minutes=30)
        return registered

    def answer(
        self,
        package_arn: str,
        status: str = "Approved",
        *,
        by: str = "anna",
        role: str = "MLApprover",
        digest: str | None = None,
        reason: str = "figures and report are convincing",
        **identity: Any,
    ) -> dict[str, Any]:
        """A person's answer in the registry, and the event that tells of it."""
        before, self.sagemaker.caller = (
            self.sagemaker.caller,
            {"Arn": session(role, by), "PrincipalId": "AROA:x", **identity},
        )
        metadata = self.sagemaker.packages[package_arn]["CustomerMetadataProperties"]
        text = f"{digest or metadata['evidence_digest']} {reason}".strip()
        self.sagemaker.update_model_package(
            ModelPackageArn=package_arn, ModelApprovalStatus=status, ApprovalDescription=text
        )
        self.sagemaker.caller = before
        return self.package_event(package_arn)

    def package_event(self, package_arn: str) -> dict[str, Any]:
        package = self.sagemaker.packages[package_arn]
        detail = {
            "ModelPackageGroupName": package["ModelPackageGroupName"],
            "ModelPackageArn": package_arn,
            "ModelPackageVersion": package["ModelPackageVersion"],
            "ModelApprovalStatus": package["ModelApprovalStatus"],
        }
        return self.event("aws.sagemaker", "SageMaker Model Package State Change", detail)

    def event(self, source: str, detail_type: str, detail: dict[str, Any]) -> dict[str, Any]:
        return {
            "version": "0",
            "id": "11111111-2222-3333-4444-555555555555",
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": self.at,
            "region": REGION,
            "resources": [],
            "detail": detail,
        }

    def approved(self, registered: dict[str, Any] | None = None, token: str = "token-1") -> dict[str, Any]:
        """A package that registry and ledger say yes to."""
        registered = self.asked(registered, token)
        event = self.answer(registered["registered"]["package_arn"])
        assert self.call("record_decision", event)["outcome"] == "accepted"
        return registered

    # -- deployed
    def request(self, approved: dict[str, Any]) -> dict[str, Any]:
        found = approved["registered"]
        return {"model_package_arn": found["package_arn"], "evidence_digest": found["evidence_digest"], "model": MODEL}

    def step(self, workflow: str = "deployment", name: str = "one") -> dict[str, Any]:
        found = execution(workflow, name)
        self.stepfunctions.executions.setdefault(found["arn"], {"executionArn": found["arn"], "status": "RUNNING"})
        return {"execution": found, "entered_at": self.at}

    def claim(self, request: dict[str, Any], workflow: str = "deployment", name: str = "one") -> dict[str, Any]:
        return self.call("claim_endpoint", {"request": request, "workflow": workflow, **self.step(workflow, name)})

    def planned(self, approved: dict[str, Any] | None = None, name: str = "one") -> dict[str, Any]:
        approved = approved or self.approved()
        claim = self.claim(self.request(approved), name=name)
        plan = self.call("plan_deployment", {"claim": claim, **self.step("deployment", name)})
        return {"claim": claim, "plan": plan}

    def shift(self, plan: dict[str, Any]) -> None:
        """What the state machine and SageMaker do with a plan when all goes well."""
        if plan["model_request"]:
            self.sagemaker.models[plan["model_request"]["ModelName"]] = plan["model_request"]
            self.sagemaker.configs[plan["config_name"]] = plan["config_request"]
        self.cloudwatch.alarms += [each["AlarmName"] for each in plan["alarms"]]
        self.sagemaker.serve(plan["endpoint"], plan["config_name"], IMAGE)

    def verify(self, plan: dict[str, Any], phase: str = "deploy") -> dict[str, Any]:
        event = {"plan": plan, "phase": phase, "endpoint": {"EndpointStatus": "InService"}, "entered_at": self.at}
        return self.call("verify_deployment", event)

    def record(self, name: str = "one", workflow: str = "deployment", **parts: Any) -> dict[str, Any]:
        empty = {"plan": None, "verification": None, "fault": None}
        return self.call("record_deployment", {**empty, **parts, "workflow": workflow, **self.step(workflow, name)})

    def deployed(self, approved: dict[str, Any] | None = None, name: str = "one") -> dict[str, Any]:
        """A served model, recorded, with the champion pointer on it."""
        planned = self.planned(approved, name)
        self.shift(planned["plan"])
        self.later(minutes=10)
        verification = self.verify(planned["plan"])
        self.record(name, **planned, verification=verification)
        self.call("move_champion", self.event("muster", "ModelDeployed", self.events.put[-1].detail))
        self.later(minutes=10)
        return planned

    def challenger(self, name: str, weights: bytes) -> dict[str, Any]:
        """Another approved version of the same model."""
        self.later(hours=1)
        evaluated = self.evaluated(self.trained(self.resolved(name=name), weights))
        assert evaluated["evaluation"]["verdict"] == "passed", evaluated["evaluation"]["reasons"]
        return self.approved(self.registered(evaluated), token=f"token-{name}")
