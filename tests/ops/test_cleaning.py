"""`muster clean`: refuses where it must, shows before it removes, and a fault ends neither the rest nor the next try."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from muster.errors import NotFound, Refused
from ops import belongings, cleaning
from ops.installation import Installation, find

PREFIX = "ours"


def _error(operation: str, code: str = "ValidationException", message: str = "it is being updated") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class Account:
    """An AWS account as far as the command looks at it; stands in for a boto3 session and all its clients."""

    environment: str = "dev"
    object_lock: str = "governance"
    alarms: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    objects: dict[str, list[str]] = field(default_factory=lambda: {"data": [], "records": [], "evidence": []})
    items: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    settings: dict[str, Any] | None = None

    def client(self, service: str, **_: object) -> Account:
        return self

    # -- what is looked at
    def get_parameter(self, Name: str) -> dict[str, Any]:
        told = {
            "prefix": PREFIX,
            "environment": self.environment,
            "region": "us-gov-west-1",
            "account": "1" * 12,
            "partition": "aws-us-gov",
            "buckets": {name: name for name in self.objects},
            "ledger": "ledger",
            "topic": "topic",
            "bus": "bus",
            "keys": {},
            "object_lock": self.object_lock,
            "object_lock_days": 2557,
            "state_machines": {},
        }
        return {"Parameter": {"Value": json.dumps(told if self.settings is None else self.settings)}}

    def get_paginator(self, operation: str) -> Any:
        account = self

        class Pages:
            def paginate(self, **given: Any) -> Iterator[dict[str, Any]]:
                yield account._page(operation, given)

        return Pages()

    def _page(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        pages: dict[str, dict[str, Any]] = {
            "describe_alarms": {"MetricAlarms": [{"AlarmName": name} for name in self.alarms]},
            "list_models": {"Models": [{"ModelName": name} for name in self.models]},
            "list_endpoints": {"Endpoints": []},
            "list_endpoint_configs": {"EndpointConfigs": []},
            "list_model_package_groups": {"ModelPackageGroupSummaryList": []},
            "list_training_jobs": {"TrainingJobSummaries": []},
            "list_processing_jobs": {"ProcessingJobSummaries": []},
            "list_transform_jobs": {"TransformJobSummaries": []},
            "scan": {"Items": [{"pk": {"S": "RUN#1"}, "sk": {"S": name}} for name in self.items]},
        }
        if operation == "list_object_versions":
            return {"Versions": [{"Key": key, "VersionId": "v1"} for key in self.objects[given["Bucket"]]]}
        return pages[operation]

    def get_object_lock_configuration(self, Bucket: str) -> dict[str, Any]:
        if self.object_lock == "none" or Bucket == "data":
            raise _error("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError")
        return {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}

    # -- what removes
    def delete_model(self, ModelName: str) -> None:
        if ModelName in self.held:
            raise _error("DeleteModel")
        self.models.remove(ModelName)

    def delete_alarms(self, AlarmNames: list[str]) -> None:
        for name in AlarmNames:
            self.alarms.remove(name)

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        assert len(Delete["Objects"]) <= 1000
        errors = [{"Key": each["Key"], "Message": "no"} for each in Delete["Objects"] if each["Key"] in self.held]
        gone = {each["Key"] for each in Delete["Objects"]} - self.held
        self.objects[Bucket] = [key for key in self.objects[Bucket] if key not in gone]
        return {"Errors": errors}

    def delete_item(self, TableName: str, Key: dict[str, Any]) -> None:
        self.items.remove(Key["sk"]["S"])

    @property
    def installation(self) -> Installation:
        return find(PREFIX, self)  # type: ignore[arg-type]


def _yes() -> bool:
    return True


@pytest.mark.parametrize("environment", ["stage", "prod"])
def test_it_refuses_elsewhere_than_in_dev(environment: str) -> None:
    # Given another environment, when the command is confirmed, then it refuses, says what it found, and nothing is gone.
    account = Account(environment, models=["ours-a"], items=["RUN"])
    with pytest.raises(Refused, match=f"environment: found '{environment}' .* wanted 'dev'"):
        cleaning.clean(account.installation, _yes)
    assert (account.models, account.items) == (["ours-a"], ["RUN"])


def test_without_the_confirmation_nothing_goes(capsys: pytest.CaptureFixture[str]) -> None:
    # Given a dev account, when the prefix is not typed, then what would go was shown, and nothing is gone.
    account = Account(models=["ours-a"], items=["RUN"])
    with pytest.raises(Refused, match="nothing was removed"):
        cleaning.clean(account.installation, lambda: False)
    assert "ours-a" in capsys.readouterr().out
    assert (account.models, account.items) == (["ours-a"], ["RUN"])


def test_only_what_is_the_installations_goes() -> None:
    # Given another's model, and alarms of the stacks beside those of endpoints, when all is removed, then these stay.
    stacks, others = "ours-failed-executions", "yours-ours-b"
    account = Account(
        models=["ours-a", others],
        alarms=[f"ours-ours-a-{'0' * 12}-errors", stacks],
        objects={"data": ["k"], "records": [], "evidence": []},
    )
    assert cleaning.clean(account.installation, _yes) == 0
    assert (account.models, account.alarms, account.objects["data"]) == ([others], [stacks], [])


@pytest.mark.parametrize(
    ("object_lock", "records", "evidence"),
    [("governance", "governance", "governance"), ("compliance", "governance", "compliance"), ("none", "", "")],
)
def test_a_locked_bucket_is_left_alone(
    object_lock: str, records: str, evidence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given sealed records and evidence, when all is removed, then they stay under Object Lock, which is said with its
    # mode, and go without it.
    account = Account(object_lock=object_lock, objects={"data": ["raw"], "records": ["sealed"], "evidence": ["signed"]})
    assert cleaning.clean(account.installation, _yes) == 0
    stays = {"records": records, "evidence": evidence}
    left = {"records": ["sealed"] * bool(records), "evidence": ["signed"] * bool(evidence)}
    assert account.objects == {"data": [], **left}
    told = capsys.readouterr().out
    for bucket, mode in stays.items():
        lines = [line for line in told.splitlines() if f"versions in {bucket} " in line and "Object Lock" in line]
        assert len(lines) == bool(mode)
        assert all(f"Object Lock ({mode}, 2557 days)" in line for line in lines)


def test_a_fault_stops_neither_the_rest_nor_the_next_try(capsys: pytest.CaptureFixture[str]) -> None:
    # Given a model and an object that cannot be removed now, when all is removed, then the rest is gone, each fault and
    # what is left is told, the status is 1, and the ledger is kept, ...
    account = Account(
        models=["ours-a", "ours-b", "ours-c"],
        objects={"data": ["x", "y"], "records": [], "evidence": []},
        items=["RUN"],
        held={"ours-b", "x"},
    )
    assert cleaning.clean(account.installation, _yes) == 1
    assert (account.models, account.objects["data"], account.items) == (["ours-b"], ["x"], ["RUN"])
    told = capsys.readouterr().err
    assert "ours-b: An error occurred (ValidationException)" in told
    assert "s3://data/x: no" in told
    assert "left: models (1), object versions in data (1), ledger items (1)" in told
    # ... and when it is tried again, then the rest goes too.
    account.held.clear()
    assert cleaning.clean(account.installation, _yes) == 0
    assert (account.models, account.objects["data"], account.items) == ([], [], [])
    assert cleaning.clean(account.installation, lambda: pytest.fail("asked although there is nothing")) == 0


def test_what_is_written_meanwhile_is_found_by_the_next_look() -> None:
    # Given a function that still records how a stopped execution ended, when all is removed, then that goes too.
    account = Account(items=["RUN"], models=["ours-a"])
    delete = account.delete_item

    def late(TableName: str, Key: dict[str, Any]) -> None:
        delete(TableName, Key)
        if Key["sk"]["S"] == "RUN":
            account.items.append("ERROR")

    account.delete_item = late  # type: ignore[method-assign]
    assert cleaning.clean(account.installation, _yes) == 0
    assert account.items == []


def test_more_objects_than_one_request_takes() -> None:
    account = Account(objects={"data": [f"k{number}" for number in range(2001)], "records": [], "evidence": []})
    assert belongings.objects(account.installation, "data").remove() == []
    assert account.objects["data"] == []


def test_settings_of_another_version() -> None:
    # Given settings of newer templates, when they are read, then what is unknown is left alone; older ones are refused.
    account = Account()
    told = json.loads(account.get_parameter("")["Parameter"]["Value"])
    account.settings = {**told, "added_later": 1}
    assert account.installation.environment == "dev"
    del told["environment"]
    account.settings = told
    with pytest.raises(NotFound, match="parameter /ours/settings: found no environment; .* deploy first"):
        account.installation  # noqa: B018
