"""What goes before an invocation: the functions of a template, the copy for SAM, the last events, the rehearsal that is up."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from muster.errors import NotFound
from ops.invoking import command, events, local_template, runtime, variables
from ops.invoking.functions import functions_of, logical_id
from ops.stage import ROOT

FOLDERS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))


# -- the functions of a template ---------------------------------------------------------------------------------------
def test_every_folder_is_a_function_of_the_application() -> None:
    found = functions_of(ROOT / "template.yaml")
    assert list(found) == FOLDERS
    for name, function in found.items():
        assert function.code.resolve() == ROOT / "functions" / name
        assert [layer.resolve().name for layer in function.layers] in (["muster"], ["muster", "numerics"])
        assert (function.runtime, function.handler) == ("python3.12", "app.handler")
        assert logical_id(f"muster-{name.replace('_', '-')}", "muster") == function.logical_id


NESTED: dict[str, Any] = {
    "Globals": {"Function": {"Runtime": "python3.12", "Handler": "app.handler", "Timeout": 60, "MemorySize": 512}},
    "Resources": {
        "Shared": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "Shared"}},
        "JudgeCandidateFunction": {
            "Type": "AWS::Serverless::Function",
            "Properties": {"CodeUri": "JudgeCandidateFunction", "Timeout": 90, "Layers": [{"Ref": "Shared"}]},
        },
    },
}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A build of one nested application, as `sam build` lays it out."""
    root = {
        "Resources": {
            "Training": {"Type": "AWS::Serverless::Application", "Properties": {"Location": "Training/template.yaml"}}
        }
    }
    (tmp_path / "Training").mkdir()
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(root))
    (tmp_path / "Training" / "template.yaml").write_text(yaml.safe_dump(NESTED))
    return tmp_path / "template.yaml"


def test_a_function_is_configured_by_its_own_properties_before_the_globals(built: Path) -> None:
    (function,) = functions_of(built).values()
    assert (function.name, function.timeout_seconds, function.memory_mb) == ("judge_candidate", 90, 512)
    assert function.code == built.parent / "Training" / "JudgeCandidateFunction"
    assert function.layers == (built.parent / "Training" / "Shared",)


def test_without_a_build_the_command_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match=r"\.aws-sam/build/template\.yaml: found no such file.*make build"):
        command.invoke_one("judge_candidate", None)


@pytest.mark.parametrize(
    ("version", "name", "error", "says"),
    [
        (
            "python3.12",
            "judge_candidates",
            NotFound,
            "found no 'judge_candidates' in the build, wanted one of judge_candidate",
        ),
        ("python3.9", "judge_candidate", runtime.NoEmulator, "found python3.9, wanted python3.12"),
    ],
)
def test_a_wrong_name_and_a_wrong_python_are_refused(
    built: Path, monkeypatch: pytest.MonkeyPatch, version: str, name: str, error: type[Exception], says: str
) -> None:
    monkeypatch.setattr(command, "BUILT", built)
    monkeypatch.setattr(runtime, "VERSION", version)
    with pytest.raises(error, match=says):
        command.invoke_one(name, None)


# -- the command -------------------------------------------------------------------------------------------------------
ANSWERS = "def handler(event, context):\n    print('at work')\n    return {'verdict': event['verdict']}\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the emulator is a Linux program")
@pytest.mark.parametrize(("event", "status"), [({"verdict": "passed"}, 0), ({}, 1)])
def test_the_command_prints_log_answer_and_times(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], event: object, status: int
) -> None:
    # Given a build of this Python's version, a rehearsal that is up, and an event
    folder = built.parent
    monkeypatch.chdir(folder)
    monkeypatch.setattr(command, "BUILT", built)
    nested = {**NESTED, "Globals": {"Function": {**NESTED["Globals"]["Function"], "Runtime": runtime.VERSION}}}
    (folder / "Training" / "template.yaml").write_text(yaml.safe_dump(nested))
    (folder / "Training" / "JudgeCandidateFunction").mkdir()
    (folder / "Training" / "JudgeCandidateFunction" / "app.py").write_text(ANSWERS)
    (folder / "event.json").write_text(json.dumps(event))
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        variables.write({"JudgeCandidateFunction": {"AWS_ENDPOINT_URL": endpoint}})
        # When the command invokes the function
        assert command.invoke_one("JudgeCandidateFunction", Path("event.json")) == status
    # Then a person reads what happened, and a script the status
    told = capsys.readouterr()
    assert "at work" in told.out
    assert " ms, initialised in " in told.out
    assert ("KeyError" in told.err) == bool(status)
    assert ('"verdict": "passed"' in told.out) == (not status)


# -- the copy for sam local invoke -------------------------------------------------------------------------------------
def test_the_copy_declares_what_sam_must_hand_on_and_changes_nothing_else(built: Path) -> None:
    before = built.read_text(), (built.parent / "Training" / "template.yaml").read_text()
    # When the copy is written
    copy = local_template.write(built)
    # Then it leads to the nested copy, which declares the variables of env.json
    location = yaml.safe_load(copy.read_text())["Resources"]["Training"]["Properties"]["Location"]
    nested = yaml.safe_load((copy.parent / location).read_text())
    declared = nested["Globals"]["Function"].pop("Environment")["Variables"]
    assert set(declared) == set(variables.BESIDE)
    assert nested == NESTED
    # And what is deployed is as it was
    assert (built.read_text(), (built.parent / "Training" / "template.yaml").read_text()) == before


# -- events ------------------------------------------------------------------------------------------------------------
def _told(name: str, event: object, payload: object, error: str | None = None) -> dict[str, Any]:
    return {"kind": "lambda", "function": name, "event": event, "payload": json.dumps(payload), "error": error}


def test_the_last_call_that_succeeded_replaces_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Given the samples
    calls = events.begin()
    assert sorted(path.stem for path in events.FOLDER.iterdir()) == FOLDERS
    # When functions are called, one of them twice, and one fails
    calls({"kind": "state", "name": "Judge"})
    calls(_told("muster-judge-candidate", {"n": 1}, {"verdict": "passed"}))
    calls(_told("muster-plan-training", {"n": 2}, {"ready": True}))
    calls(_told("muster-judge-candidate", {"n": 3}, {"verdict": "failed_gate"}))
    calls(_told("muster-seal-artifact", {"n": 4}, {"errorType": "NotFound"}, error="NotFound"))
    # Then the last successful call of each is kept, in the order of the calls
    assert [(call.function, call.event, call.answer) for call in calls.last()] == [
        ("plan_training", {"n": 2}, {"ready": True}),
        ("judge_candidate", {"n": 3}, {"verdict": "failed_gate"}),
    ]
    assert events.read(events.FOLDER / "judge_candidate.json") == {"n": 3}
    assert events.read(events.FOLDER / "seal_artifact.json") == events.sample("seal_artifact")


def test_an_event_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("{")
    with pytest.raises(NotFound, match=r"event .*event\.json: .*wanted a file with one JSON event"):
        events.read(tmp_path / "event.json")


# -- the rehearsal that is up ------------------------------------------------------------------------------------------
def test_no_rehearsal_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFound, match=r"events/env\.json: found no such file.*make play"):
        variables.served()


def test_a_rehearsal_that_is_up_is_found_and_one_that_has_ended_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        written = {"JudgeCandidateFunction": {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}}
        variables.write(written)
        assert variables.served() == written
    with pytest.raises(NotFound, match=f"found http://127.0.0.1:{port}, where nobody answers.*make play"):
        variables.served()
