"""The generated documents say what code, templates and workflows say; and the generators refuse what they cannot say."""

from __future__ import annotations

import json

import pytest

from docs.generate import __main__ as generate
from docs.generate import errors, events, mermaid, parameters, workflows
from docs.generate.markdown import anchor, table
from docs.generate.sources import functions
from state_machines import WORKFLOWS
from tests.docs.pages import ROOT


def test_no_generated_document_is_stale() -> None:
    stale = generate.stale(generate.rendered_files())
    assert not stale, f"{', '.join(each.name for each in stale)}: run `make docs`"


def test_a_stale_document_is_found(tmp_path) -> None:
    path = tmp_path / "page.md"
    assert generate.stale({path: "new"}) == [path]
    path.write_text("old")
    assert generate.stale({path: "new"}) == [path]
    path.write_text("new")
    assert generate.stale({path: "new"}) == []


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_picture_shows_every_state_once_and_every_way_on(workflow: str) -> None:
    # Given a rendered state machine
    machine = json.loads((ROOT / "state_machines" / f"{workflow}.asl.json").read_text())
    drawn = mermaid.flowchart(machine).splitlines()
    # Then each of its states is there, inner ones too, and each Next, Choice and Default is an arrow
    for name, state in workflows._walk(machine):
        assert sum(f'"{name}"' in line or f'"{name}:' in line for line in drawn) == 1, name
        ways = [state.get("Next"), state.get("Default"), *(each["Next"] for each in state.get("Choices", ()))]
        for target in filter(None, ways):
            start = f"{mermaid._id(name)} -->"
            assert any(line.strip().startswith(start) and line.endswith(mermaid._id(target)) for line in drawn), target


def test_a_condition_is_told_in_few_words() -> None:
    status = [{"Variable": "$.endpoint.Status", "StringEquals": each} for each in ("InService", "Failed")]
    rule = {"And": [{"Variable": "$.plan.exists", "BooleanEquals": True}, {"Or": status}]}
    assert mermaid.condition(rule) == "exists and Status is InService or Failed"
    assert mermaid.condition({"Variable": "$.a", "NumericGreaterThanEqualsPath": "$.wait.steps"}) == "a ≥ steps"
    with pytest.raises(ValueError, match="StringMatches"):
        mermaid.condition({"Variable": "$.a", "StringMatches": "x*"})


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(90, "90 s"), (900, "15 min"), (7200, "2 h"), (7500, "125 min"), (151200, "42 h"), (3956400, "45 days 19 h")],
)
def test_a_duration_is_told_in_its_largest_units(seconds: int, words: str) -> None:
    assert workflows.duration(seconds) == words


def test_every_function_is_listed_with_what_it_does() -> None:
    listed = functions()
    assert {each.name for each in listed} == {each.parent.name for each in (ROOT / "functions").glob("*/app.py")}
    assert all(each.purpose.endswith(".") for each in listed)


def test_every_kind_of_failure_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "`capacity`" in errors.kind_table()
    monkeypatch.delitem(errors.KINDS, "capacity")
    with pytest.raises(ValueError, match="Kind"):
        errors.kind_table()


def test_what_workflows_try_again_is_read_from_them() -> None:
    assert errors.retried()["Transient"] == 4
    assert "ContractError" not in errors.retried()


def test_an_event_without_a_contract_is_refused() -> None:
    assert events.detail_of("ModelRolledBack").__name__ == "ServingChanged"
    with pytest.raises(ValueError, match="ModelForgotten"):
        events.detail_of("ModelForgotten")


def test_the_table_of_parameters_wants_its_place() -> None:
    with pytest.raises(ValueError, match="found 0 tables"):
        parameters.within("# Deploying\n")


def test_a_table_survives_what_its_cells_hold() -> None:
    rendered = table(["a", "b"], [["x | y", "one\ntwo <three> `<four>`"]])
    assert rendered.splitlines()[-1] == r"| x \| y | one two &lt;three&gt; `<four>` |"


def test_an_anchor_is_githubs() -> None:
    assert anchor("What you must already have: `x`") == "what-you-must-already-have-x"
    assert anchor("Details of Muster's events") == "details-of-musters-events"
