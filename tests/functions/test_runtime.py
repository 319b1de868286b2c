"""What all handlers share: settings, the frame, the translation of AWS faults, clients, job code."""

import json
import sys
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from muster import runtime
from muster.aws import clients, job_code
from muster.aws.documents import policy
from muster.errors import ContractError, NotFound, Refused, Transient
from tests.functions import fakes
from tests.functions.world import ENVIRONMENT, Context


def test_settings_come_from_the_environment() -> None:
    found = runtime.settings(ENVIRONMENT)
    assert (found.partition, found.region, found.account) == ("aws-us-gov", "us-gov-west-1", "123456789012")
    assert found.subnets == ("subnet-0a1b2c3d", "subnet-4e5f6071")
    assert (found.object_lock, found.object_lock_days) == ("governance", 30)
    assert "muster-dev-retraining" in found.machine_roles


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MUSTER_LEDGER_TABLE", "", "found no MUSTER_LEDGER_TABLE"),
        ("MUSTER_TOPIC_ARN", "topic", "MUSTER_TOPIC_ARN: found 'topic', wanted the ARN"),
        ("MUSTER_OBJECT_LOCK", "maybe", "MUSTER_OBJECT_LOCK: found 'maybe'"),
        ("MUSTER_OBJECT_LOCK_DAYS", "-1", "MUSTER_OBJECT_LOCK_DAYS: found '-1'"),
    ],
)
def test_a_wrong_environment_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        runtime.settings({**ENVIRONMENT, name: value})


def _handler(problem: Exception | None = None, answer: Any = None) -> runtime.Handler:
    @runtime.entry
    def handler(event: runtime.Event) -> Any:
        if problem is not None:
            raise problem
        return answer if answer is not None else event

    return handler


@pytest.mark.parametrize(
    "problem",
    [
        fakes.error("ThrottlingException", "Rate exceeded"),
        fakes.error("Whatever", "broken", status=502),
        fakes.error("Whatever", "slow down", status=429),
        ConnectTimeoutError(endpoint_url="https://s3"),
        ReadTimeoutError(endpoint_url="https://s3"),
    ],
)
def test_what_may_pass_is_transient(problem: Exception) -> None:
    with pytest.raises(Transient, match="try again later"):
        _handler(problem)({}, Context())  # type: ignore[arg-type]


@pytest.mark.parametrize("problem", [fakes.error("AccessDeniedException", "no", status=403), Refused("no")])
def test_what_lasts_stays_as_it_is(problem: Exception) -> None:
    with pytest.raises(type(problem)):
        _handler(problem)({}, Context())  # type: ignore[arg-type]


def test_logs_carry_identifiers_and_no_payload(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runtime.logger, "append_keys", lambda **keys: sys.stdout.write(json.dumps(keys)))
    event = {"run": {"run": "r", "model": "tumour", "publisher": "paula"}, "token": "secret", "detail": None}
    _handler()(event, Context())  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out) == {"run": "r", "model": "tumour"}


def test_clients_are_bounded_and_kept() -> None:
    s3, sagemaker = clients.client("s3"), clients.client("sagemaker")
    assert clients.client("s3") is s3
    assert sagemaker.meta.config.retries == {"mode": "standard", "total_max_attempts": 4}
    assert sagemaker.meta.config.read_timeout == 30
    assert s3.meta.config.read_timeout == 120


def test_the_policy_is_the_layers() -> None:
    floor, digest = policy()
    assert floor.schema_version == 1
    assert len(digest) == 64


def test_job_code_is_what_the_layer_holds(tmp_path: Any) -> None:
    (tmp_path / "muster_jobs" / "__pycache__").mkdir(parents=True)
    for name in ("evaluate.py", "muster_jobs/metrics.py", "muster_jobs/__pycache__/metrics.py", "notes.txt"):
        (tmp_path / name).write_text(name)
    assert sorted(_files(tmp_path)) == ["evaluate.py", "muster_jobs/metrics.py"]
    with pytest.raises(NotFound, match="found no job code"):
        _files(tmp_path / "none")


# The fixture of this folder replaces the function by a small set of files.
_files = job_code.files
