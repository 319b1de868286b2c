"""The emulator: what a function of a few lines sees in it, and what it says of functions that go wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ops.invoking import runtime
from ops.invoking.emulator import Emulator, Invocation

try:
    runtime.emulator()
except runtime.NoEmulator as error:  # the emulator is a Linux program
    pytest.skip(str(error), allow_module_level=True)

Run = Callable[..., Invocation]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Invoke a function that consists of the given source, once."""

    def invoke(source: str, event: object = None, **options: object) -> Invocation:
        code = tmp_path / "code"
        code.mkdir()
        (code / "app.py").write_text(source, encoding="utf-8")
        options = {"layers": [], "environment": {"AWS_REGION": "us-gov-west-1"}, **options}
        with Emulator(code, **options) as emulator:  # type: ignore[arg-type]
            return emulator.invoke(event)

    return invoke


def test_an_answer_comes_with_log_and_times(run: Run) -> None:
    got = run(
        "def handler(event, context):\n    print('two words')\n    return {'doubled': 2 * event['n']}\n", {"n": 21}
    )
    assert (got.payload, got.failed) == ({"doubled": 42}, False)
    assert "two words" in got.log
    assert "START RequestId" in got.log
    assert got.init_ms is not None
    assert got.init_ms > 0
    assert 0 < got.duration_ms < got.init_ms + 1000


def test_a_second_event_finds_the_function_warm(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "seen = []\ndef handler(event, context):\n    seen.append(event)\n    return {'seen': seen}\n"
    )
    with Emulator(tmp_path, [], {}) as emulator:
        first, second = emulator.invoke("a"), emulator.invoke("b")
    assert second.payload == {"seen": ["a", "b"]}
    assert first.init_ms is not None
    assert second.init_ms is None
    assert second.log.count("START RequestId") == 1


def test_an_exception_is_a_failure_with_its_type(run: Run) -> None:
    got = run("def handler(event, context):\n    raise KeyError('model')\n")
    assert got.failed
    assert got.payload["errorType"] == "KeyError"
    assert "app.py" in "".join(got.payload["stackTrace"])


def test_a_module_that_the_function_does_not_bring_is_missing(run: Run) -> None:
    # Given a package that this environment has, and neither the function nor a layer
    got = run("import pytest\ndef handler(event, context):\n    return {}\n")
    # Then importing it fails, as it would in Lambda
    assert got.failed
    assert got.payload["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'pytest'" in got.payload["errorMessage"]


def test_a_later_layer_wins(run: Run, tmp_path: Path) -> None:
    for layer in ("one", "two"):
        (tmp_path / layer / "python").mkdir(parents=True)
        (tmp_path / layer / "python" / "shared.py").write_text(f"NAME = {layer!r}\n")
    source = "import shared\ndef handler(event, context):\n    return {'name': shared.NAME}\n"
    assert run(source, layers=[tmp_path / "one", tmp_path / "two"]).payload == {"name": "two"}


def test_a_function_sees_its_own_variables_only(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a person's own credentials in this process
    monkeypatch.setenv("AWS_PROFILE", "mine")
    source = "import os\ndef handler(event, context):\n    return {**os.environ, 'left': context.memory_limit_in_mb}\n"
    got = run(source, environment={"MUSTER_PREFIX": "muster"}, name="judge_candidate", memory_mb=256)
    # Then the function sees none of them
    assert "AWS_PROFILE" not in got.payload
    assert got.payload["MUSTER_PREFIX"] == "muster"
    assert got.payload["AWS_LAMBDA_FUNCTION_NAME"] == "judge_candidate"
    assert got.payload["left"] == "256"


def test_a_function_that_takes_too_long_is_ended(run: Run) -> None:
    got = run("import time\ndef handler(event, context):\n    time.sleep(30)\n", timeout_seconds=1)
    assert got.failed
    assert "Task timed out after 1.00 seconds" in str(got.payload)


def test_a_run_leaves_the_code_as_it_was(tmp_path: Path) -> None:
    # Given a function of two modules
    (tmp_path / "app.py").write_text("import rules\ndef handler(event, context):\n    return {'name': rules.NAME}\n")
    (tmp_path / "rules.py").write_text("NAME = 'rules'\n")
    with Emulator(tmp_path, [], {}) as emulator:
        assert emulator.invoke({}).payload == {"name": "rules"}
    # Then nothing lies beside the code, which is what is deployed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py", "rules.py"]
