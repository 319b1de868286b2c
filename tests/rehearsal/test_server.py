"""Starting and stopping: the port, the address of S3, one at a time in a process, two at once on a machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal, server
from rehearsal import host as hosts
from rehearsal.host import OWN_ACCESS_KEY, OWN_SECRET_KEY

ROOT = Path(__file__).parents[2]
OWN = {"AWS_ACCESS_KEY_ID": OWN_ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": OWN_SECRET_KEY}

HOST = """
    import sys, time
    sys.path.insert(0, {root!r})
    from rehearsal import Rehearsal, server
    server.EXTENSIONS = ("iam", "stepfunctions")  # enough here, and faster
    try:
        with Rehearsal({root!r}) as running:
            place = {{"LocationConstraint": running.host.region}}
            running.client("s3").create_bucket(Bucket="mine", CreateBucketConfiguration=place)
            job = running.host.children.spawn(["sleep", "99"])
            print(running.endpoint, job.pid, running.host.workdir, flush=True)
            for _ in range(990):  # a signal that comes just before one long sleep would wait for its end
                time.sleep(0.1)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    with Rehearsal({root!r}) as again:
        print(again.client("s3").list_buckets()["Buckets"], flush=True)
"""


def listening(endpoint: str) -> bool:
    """Whether somebody listens at the endpoint's port."""
    place = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((place.hostname, place.port)) == 0


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Other:
    """A rehearsal in a process of its own."""

    def __init__(self) -> None:
        code = textwrap.dedent(HOST).format(root=str(ROOT))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def wait_ready(self) -> None:
        """Read what it prints when it runs."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().split()
        if len(line) != 3:
            raise AssertionError(self.process.communicate()[1])
        self.endpoint, pid, workdir = line
        self.job, self.workdir = int(pid), Path(workdir)

    def leaves_nothing(self) -> None:
        """Wait until port, process and folder are gone."""
        deadline = time.monotonic() + 10
        while (listening(self.endpoint) or alive(self.job) or self.workdir.exists()) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not listening(self.endpoint)
        assert not alive(self.job)
        assert not self.workdir.exists()


@pytest.fixture(scope="module")
def others() -> Iterator[tuple[Other, Other]]:
    """Two that run at once."""
    two = Other(), Other()
    try:
        for other in two:
            other.wait_ready()
        yield two
    finally:
        for other in two:
            other.process.kill()
            other.process.communicate()


def test_the_server_listens_on_the_local_machine_only(rehearsal: Rehearsal) -> None:
    assert rehearsal.endpoint.startswith("http://127.0.0.1:")
    assert listening(rehearsal.endpoint)


def test_an_endpoint_url_is_all_that_boto3_needs(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the environment of a Lambda function
    for name, value in rehearsal.environment(OWN).items():
        monkeypatch.setenv(name, value)
    session = boto3.session.Session()
    # When it uses S3, whose buckets are usually part of the host name
    s3 = session.client("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": session.region_name})
    s3.put_object(Bucket="plain", Key="a/b", Body=b"x" * 70000, Metadata={"m": "n"})
    # Then it works, as do the other services
    assert s3.get_object(Bucket="plain", Key="a/b")["Body"].read() == b"x" * 70000
    assert s3.list_objects_v2(Bucket="plain", Prefix="a/")["KeyCount"] == 1
    assert session.client("sts").get_caller_identity()["Account"] == rehearsal.host.account


def test_requests_are_work_but_invocations_are_not(rehearsal: Rehearsal) -> None:
    seen: dict[str, bool] = {}

    def app(environ: dict[str, str], start_response: object) -> list[bytes]:
        seen[environ["PATH_INFO"]] = rehearsal.clock._depth() > 0
        return []

    application = server._as_work(rehearsal.host, app)
    for path in ("/", "/endpoints/e/invocations"):
        application({"PATH_INFO": path}, None)
    assert seen == {"/": True, "/endpoints/e/invocations": False}


def test_one_at_a_time_in_a_process(rehearsal: Rehearsal) -> None:
    second = Rehearsal(ROOT)
    with pytest.raises(RuntimeError, match="already runs in this process"):
        second.start()
    assert hosts.current() is rehearsal.host
    with pytest.raises(RuntimeError, match="does not run"):
        second.client("s3")


def test_two_at_once_do_not_meet(rehearsal: Rehearsal, others: tuple[Other, Other]) -> None:
    endpoints = {rehearsal.endpoint, *(other.endpoint for other in others)}
    assert len(endpoints) == 3
    with pytest.raises(ClientError):
        rehearsal.client("s3").head_bucket(Bucket="mine")


def test_ctrl_c_leaves_nothing_and_a_second_one_starts_empty(others: tuple[Other, Other]) -> None:
    other = others[0]
    assert listening(other.endpoint)
    assert alive(other.job)
    assert other.workdir.exists()
    other.process.send_signal(signal.SIGINT)
    assert other.process.stdout is not None
    assert other.process.stdout.readline() == "interrupted\n"
    other.leaves_nothing()
    assert other.process.stdout.readline() == "[]\n"
    assert other.process.wait(10) == 0


def test_sigkill_leaves_nothing(others: tuple[Other, Other]) -> None:
    others[1].process.send_signal(signal.SIGKILL)
    others[1].leaves_nothing()


def test_another_moto_is_refused(monkeypatch: pytest.MonkeyPatch, rehearsal: Rehearsal) -> None:
    monkeypatch.setattr(server, "version", lambda name: "5.2.6")
    with pytest.raises(RuntimeError, match=r"needs moto==5\.2\.5, found 5\.2\.6"):
        server.start(rehearsal.host)
