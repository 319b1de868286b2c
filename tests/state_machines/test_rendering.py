"""The committed definitions are what their modules render."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.state_machines.harness import FOLDER, WORKFLOWS


def test_is_in_sync_and_says_nothing_when_all_is_well() -> None:
    # Given no credentials and no region, in a process of its own: importing the SDK leaves traces
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    paths = os.pathsep.join(str(FOLDER.parent / each) for each in ("", "layers/muster"))
    # When the committed files are checked
    checked = subprocess.run(
        [sys.executable, "-m", "state_machines", "--check"],
        cwd=FOLDER.parent,
        env={**environment, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    # Then they are what their modules render, and the SDK's own words are not heard
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_every_workflow_has_a_module_a_definition_and_a_test() -> None:
    for workflow in WORKFLOWS:
        assert (FOLDER / f"{workflow}.py").exists()
        assert (Path(__file__).parent / f"test_{workflow}.py").exists()
    assert {path.name for path in FOLDER.glob("*.asl.json")} == {f"{workflow}.asl.json" for workflow in WORKFLOWS}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_begins_with_what_a_reader_wants_first(workflow: str) -> None:
    text = (FOLDER / f"{workflow}.asl.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["Comment", "StartAt", "TimeoutSeconds", "States"]
    assert next(iter(json.loads(text)["States"])) == json.loads(text)["StartAt"]
    assert text.endswith("}\n")
