"""events/: one sample per function, which the function takes."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from muster.contracts.base import parse
from muster.contracts.events import ServingChanged
from muster.contracts.pipeline import Execution, PipelineRequest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))


def _event(function: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((ROOT / "events" / f"{function}.json").read_text(encoding="utf-8"))
    return data


def test_every_function_has_its_sample() -> None:
    assert len(FUNCTIONS) == 34
    written_by_a_rehearsal = "env"
    assert sorted({path.stem for path in (ROOT / "events").glob("*.json")} - {written_by_a_rehearsal}) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_sample_is_of_govcloud_and_of_nobody(function: str) -> None:
    text = (ROOT / "events" / f"{function}.json").read_text(encoding="utf-8")
    assert "arn:aws:" not in text
    for word in ("arn:aws-us-gov:", "s3://", "execution_arn"):
        if word in text:
            assert "123456789012" in text


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_sample_is_what_the_function_takes(function: str) -> None:
    event, app = _event(function), importlib.import_module(f"functions.{function}.app")
    if function == "resolve_request":
        parse(PipelineRequest, event["request"])
        assert parse(Execution, event["execution"]).started_at is not None
    elif function == "move_champion":
        assert event["detail-type"] == "ModelDeployed"
        parse(ServingChanged, event["detail"])
    elif function in ("record_decision", "settle_execution"):
        assert event["detail-type"] == app.EVENT
        assert event["source"].startswith("aws.")
    else:
        parse(app.Input, event)
