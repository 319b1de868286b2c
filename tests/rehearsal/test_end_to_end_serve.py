"""`muster rehearse --serve`, two at once: each its own account, and when they end, however they end, nothing is left."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from ops.stage import ROOT

pytestmark = pytest.mark.xdist_group("served")
PATIENCE = 60.0


def _descendants(parent: int) -> set[int]:
    """Return the processes below a process, at any depth."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(ppid) for pid, ppid in (line.split() for line in listed.splitlines())}
    found = {parent}
    while True:
        more = {pid for pid, ppid in parents.items() if ppid in found} - found
        if not more:
            return found - {parent}
        found |= more


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Served:
    """A served rehearsal in a process and a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.output = (folder / "output.txt").open("w+")
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'layers' / 'muster'}:{ROOT}", "PYTHONUNBUFFERED": "1"}
        environment.pop("AWS_ENDPOINT_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ops", "rehearse", "--serve", *options],
            cwd=folder,
            env={**environment, "TMPDIR": str(folder)},
            stdout=self.output,
            stderr=subprocess.STDOUT,
        )
        self.endpoint, self.children = "", set[int]()

    def up(self) -> None:
        """Wait until it says where it is."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"is up at (http://\S+)\.", (self.folder / "output.txt").read_text())):
            assert self.process.poll() is None, (self.folder / "output.txt").read_text()
            assert time.monotonic() < deadline, "it is not up"
            time.sleep(0.05)
        self.endpoint, self.children = found[1], _descendants(self.process.pid)

    def pipelines(self) -> list[str]:
        """Start a pipeline with the credentials that it has written down for dana, and return the names of all of them."""
        text = (self.folder / "build" / "dana.sh").read_text()
        names = dict(re.findall(r"^export (\w+)=(\S+)$", text, re.MULTILINE))
        client = boto3.client(
            "stepfunctions",
            endpoint_url=names["AWS_ENDPOINT_URL"],
            region_name=names["AWS_REGION"],
            **_keys(names),
        )
        arn = f"arn:aws-us-gov:states:{names['AWS_REGION']}:123456789012:stateMachine:muster-pipeline"
        client.start_execution(stateMachineArn=arn, name=self.folder.name, input='{"model": "breast_cancer"}')
        return [each["name"] for each in client.list_executions(stateMachineArn=arn)["executions"]]

    def leaves_nothing(self) -> None:
        """Wait until its processes, its port and its files are gone."""
        place = urlsplit(self.endpoint)
        deadline = time.monotonic() + 10
        while True:
            left = [pid for pid in self.children if _alive(pid)]
            scratch = list(self.folder.glob("muster-rehearsal-*"))
            with socket.socket() as probe:
                open_ = probe.connect_ex((place.hostname, place.port)) == 0
            if not (left or scratch or open_):
                return
            assert time.monotonic() < deadline, (
                f"left: processes {left}, files {scratch}, port {place.port if open_ else 'closed'}"
            )
            time.sleep(0.02)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """Two that are up at once, each with a pipeline that runs."""
    folder = tmp_path_factory.mktemp("served")
    # Every address of 127.0.0.0/8 is one of the machine's own on Linux; elsewhere the first one only.
    elsewhere = ("--host", "127.0.0.2") if sys.platform == "linux" else ()
    both = Served(folder / "one"), Served(folder / "other", *elsewhere)
    try:
        for served in both:
            served.up()
        yield both
    finally:
        for served in both:
            served.process.kill()
            served.process.wait()
            served.output.close()


def test_two_at_once_do_not_disturb_each_other(two: tuple[Served, Served]) -> None:
    one, other = two
    assert one.endpoint != other.endpoint
    assert (one.pipelines(), other.pipelines()) == (["one"], ["other"])


def test_what_sam_local_invoke_needs_is_written_down(two: tuple[Served, Served]) -> None:
    # Given two served rehearsals, then each has written its own endpoint, names and roles, and an event per function.
    for served in two:
        written = json.loads((served.folder / "events" / "env.json").read_text())
        assert len(written) == 34
        assert {each["AWS_ENDPOINT_URL"] for each in written.values()} == {served.endpoint}
        assert len({each["AWS_SESSION_TOKEN"] for each in written.values()}) == 34
        assert len(list((served.folder / "build" / "events").glob("*.json"))) == 34
        variables = written["ResolveRequestFunction"]
        sts = boto3.client("sts", endpoint_url=served.endpoint, region_name=variables["AWS_REGION"], **_keys(variables))
        assert ":assumed-role/muster-resolve-request/" in sts.get_caller_identity()["Arn"]


def _keys(variables: dict[str, str]) -> dict[str, str]:
    return {
        "aws_access_key_id": variables["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": variables["AWS_SECRET_ACCESS_KEY"],
        "aws_session_token": variables["AWS_SESSION_TOKEN"],
    }


def test_an_interrupt_ends_it_in_order(two: tuple[Served, Served]) -> None:
    # Given a served rehearsal at work, when it gets Ctrl-C, then it says so, ends with status 0, and leaves nothing.
    one, _ = two
    one.children |= _descendants(one.process.pid)
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(timeout=20) == 0
    text = (one.folder / "output.txt").read_text()
    assert text.rstrip().endswith("stopped")
    assert "Traceback" not in text
    one.leaves_nothing()


def test_a_kill_leaves_nothing_either(two: tuple[Served, Served]) -> None:
    # Given a served rehearsal at work, when it is killed without a chance to tidy up, then its children do it.
    _, other = two
    other.children |= _descendants(other.process.pid)
    other.process.kill()
    assert other.process.wait(timeout=20) == -signal.SIGKILL
    other.leaves_nothing()
