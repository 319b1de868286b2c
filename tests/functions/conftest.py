"""A fresh installation for each test, in memory."""

import os
from collections.abc import Iterator

import pytest

# Before the first import of a handler: Powertools reads these when its logger and tracer are made.
os.environ.update(
    {
        "AWS_DEFAULT_REGION": "us-gov-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret - moto checks none
        "POWERTOOLS_SERVICE_NAME": "muster",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    }
)

from muster.aws import clients, job_code
from tests.functions.world import ENVIRONMENT, World


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    code = {"evaluate.py": b"evaluate", "muster_jobs/metrics.py": b"metrics"}
    monkeypatch.setattr(job_code, "files", lambda: code)
    monkeypatch.setattr(job_code, "_published", set())
    clients.client.cache_clear()
    yield
    clients.client.cache_clear()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(clients.boto3, "client", lambda service, **_: made.client(service))
    return made
