"""Children end with the host, however it ends; the fork server starts jobs quickly and tells how they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.processes import MARK, Children, Forker
from rehearsal.warden import marked

ROOT = Path(__file__).parents[2]


def gone(pid: int, within: float = 5.0) -> bool:
    """Whether a process disappears (or is a zombie that its parent has not read) within some seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def children() -> Iterator[Children]:
    """Children that are stopped after the test."""
    made = Children()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    """One fork server for this file."""
    made = Children()
    yield made.preload(["json", "no_such_module"])
    made.stop()


def test_a_spawned_process_is_in_its_own_group_and_carries_the_mark(children: Children) -> None:
    code = f"import os; print(os.getpgrp() == os.getpid(), os.environ['{MARK}'], os.environ.get('HOME'))"
    process = children.spawn([sys.executable, "-c", code], env={}, stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=10)
    assert out.split() == ["True", children.mark, "None"]
    assert children.living() == []


def test_stop_ends_processes_that_ignore_a_polite_request(children: Children) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(99)"
    )
    process = children.spawn([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    children.stop(grace=0.1)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(RuntimeError, match="stopped"):
        children.spawn(["true"])


def test_one_process_can_be_stopped(children: Children) -> None:
    process = children.spawn(["sleep", "99"])
    assert children.living() == [process.pid]
    assert process.stop() == -signal.SIGTERM
    assert children.living() == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 15)", "sys.exit(1)", "1 / 0"])
def test_nothing_is_left_when_the_host_dies(tmp_path: Path, end: str) -> None:
    # Given a host with a process, a process that has left its group, a fork server, a forked job, and a folder
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    host = f"""
        import os, subprocess, sys
        sys.path.insert(0, {str(ROOT)!r})
        from rehearsal.processes import Children
        children = Children()
        children.remove_at_end({str(scratch)!r})
        children.spawn(["sleep", "99"])
        children.spawn([sys.executable, "-c", "import subprocess, time; "
                        "subprocess.Popen(['sleep', '99'], start_new_session=True); print(1, flush=True); time.sleep(99)"],
                       stdout=subprocess.PIPE).stdout.readline()
        forker = children.preload([])
        forker.run("time:sleep", {{}}, env={{}}, cwd="/")
        forker.run("os:system", {{"command": "sleep 99"}}, env=dict(os.environ), cwd="/")
        print(children.mark, len(children.living()), flush=True)
        {end}
    """
    # When it dies
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(host)], capture_output=True, text=True, timeout=30, check=False
    )
    mark, living = process.stdout.split()
    assert int(living) >= 4
    # Then nothing is left
    deadline = time.monotonic() + 5
    while (left := marked(f"{MARK}={mark}".encode())) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left == []
    while scratch.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not scratch.exists()


def test_a_forked_function_gets_its_environment_folder_and_output(forker: Forker, tmp_path: Path) -> None:
    (tmp_path / "job_module.py").write_text(
        "import json, os, sys\n"
        "def main(name):\n"
        "    print(json.dumps([name, os.getcwd(), os.environ['A'], 'HOME' in os.environ]))\n"
        "    print('to stderr', file=sys.stderr)\n"
        "    return 7\n"
    )
    child = forker.run(
        "job_module:main",
        {"name": "x"},
        env={"A": "b", "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        stdout_path=tmp_path / "log",
    )
    assert child.wait(10) == 7
    assert child.poll() == 7
    assert (tmp_path / "log").read_text().split("\n")[:2] == [f'["x", "{tmp_path}", "b", false]', "to stderr"]


def test_a_forked_function_that_fails_says_why(forker: Forker, tmp_path: Path) -> None:
    child = forker.run("os:no_such_function", env={}, cwd=tmp_path, stdout_path=tmp_path / "log")
    assert child.wait(10) == 1
    assert "no_such_function" in (tmp_path / "log").read_text()


def test_sys_exit_gives_its_status(forker: Forker, tmp_path: Path) -> None:
    child = forker.run("sys:exit", env={}, cwd=tmp_path)
    assert child.wait(10) == 0


def test_a_forked_function_can_be_ended(forker: Forker, tmp_path: Path) -> None:
    child = forker.run("os:system", {"command": "sleep 99"}, env=dict(os.environ), cwd=tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    child.terminate()
    assert child.wait(10) == -signal.SIGTERM
    child.kill()  # harmless by now
    assert gone(child.pid)


def test_forking_takes_milliseconds(forker: Forker, tmp_path: Path) -> None:
    began = time.monotonic()
    for _ in range(5):
        forker.run("os:getpid", env={}, cwd=tmp_path).wait(10)
    assert time.monotonic() - began < 2.5  # some 10 ms each on an idle machine


def test_modules_that_are_not_installed_are_named(forker: Forker) -> None:
    forker.wait_ready()
    assert list(forker.failed_imports) == ["no_such_module"]


def test_a_dead_fork_server_is_an_error_not_a_wait(children: Children, tmp_path: Path) -> None:
    forker = children.preload([])
    forker.wait_ready()
    child = forker.run("os:system", {"command": "sleep 99"}, env=dict(os.environ), cwd=tmp_path)
    os.kill(forker.process.pid, signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    with pytest.raises(RuntimeError, match="fork server"):
        forker.run("os:getpid", env={}, cwd=tmp_path)
