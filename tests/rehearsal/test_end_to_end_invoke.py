"""Every function alone, in Lambda's runtime interface emulator, with its role, the real names, and an event that it really got.

A version is trained, approved and deployed first. Its functions then get their events a second time: every write can be
repeated, so each answers as before, or says what has happened since. The others get their samples.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.contracts.pipeline import PendingApproval
from ops import datasets
from ops.invoking import events, replaying, runtime, variables
from ops.invoking.functions import functions_of
from ops.packaging import read_spec
from ops.stage import ROOT
from tests.rehearsal.stage_support import MODEL, Site, one_line

pytestmark = pytest.mark.xdist_group("stage")
NAME = "invoked"
FUNCTIONS = functions_of(ROOT / "template.yaml")
SAMPLED = {
    *("expire_approval", "explain_failure", "govern_retraining", "plan_rollback", "reconcile", "settle_execution"),
    *("list_endpoints", "plan_window", "sketch_batch", "assess_window", "measure_quality", "sample_rows"),
    *("stage_batch", "publish_batch", "plan_nightly", "question_endpoint", "judge_nightly"),
}
"""Functions that have no part in a deployment that goes well."""
LAYERS = {"muster": ("muster",), "numerics": ("muster_numerics", "muster_jobs")}
"""What each layer carries of ours."""

try:
    runtime.emulator()
except runtime.NoEmulator as error:  # the emulator is a Linux program
    pytest.skip(str(error), allow_module_level=True)


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What `sam build` installs into the layers, linked from where it is installed here: the versions are held equal."""
    found = {}
    for layer, packages in LAYERS.items():
        found[layer] = tmp_path_factory.mktemp(layer)
        source, target = ROOT / "layers" / layer, found[layer] / "python"
        pins = re.findall(r"^([\w.-]+)==", (source / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
        for name in pins:
            runtime.link_distribution(name, target)
        for package in packages:
            (target / package).symlink_to(source / package)
    return found


@pytest.fixture(scope="module")
def deployed(site: Site) -> tuple[PendingApproval, list[events.Call]]:
    """A first version that serves, and the calls of functions that brought it there.

    From then on there is a champion, and whoever plans an evaluation asks for the recent holdout too.
    """
    calls = events.Calls()
    site.settled()
    site.rehearsal.host.listeners.append(calls)
    started = site.run(NAME)
    pending = site.pending(started)
    spec = read_spec(site.stage.checkout / NAME)
    datasets.put_holdout(site.sam, spec, "recent", MODEL / "data" / "holdout_recent.csv")
    site.answer(site.alex, pending.package_arn)
    assert site.deployment(pending.package_arn).outcome == "deployed"
    site.champion(NAME, pending.package_arn)
    site.settled()
    site.rehearsal.host.listeners.remove(calls)
    return pending, calls.last()


@pytest.fixture(scope="module")
def answers(
    site: Site, layers: dict[str, Path], deployed: tuple[PendingApproval, list[events.Call]]
) -> dict[str, replaying.Answer]:
    """What each function answers in the emulator."""
    functions = {
        name: replace(function, layers=tuple(layers[each.name] for each in function.layers))
        for name, function in FUNCTIONS.items()
    }
    found = replaying.invoke_all(functions, variables.of(site.stage), deployed[1])
    return {answer.function: answer for answer in found}


def test_every_function_is_invoked_and_answers(
    answers: dict[str, replaying.Answer], deployed: tuple[PendingApproval, list[events.Call]]
) -> None:
    assert answers.keys() == FUNCTIONS.keys()
    assert {name for name, answer in answers.items() if answer.before is None} == SAMPLED
    assert all(NAME in str(call.event) for call in deployed[1])
    for name, answer in answers.items():
        assert answer.got.log.count("START RequestId") == 1, name
        assert (answer.got.init_ms or 0) > 0, name


# What a function sees that has happened since it got the event for the first time.
SINCE: dict[str, dict[str, Any]] = {
    "request_approval": {"status": "approved"},
    "record_decision": {"outcome": "ignored", "reason": "already approved by alex"},
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SAMPLED - {"plan_evaluation", "plan_deployment"}))
def test_a_function_of_the_deployment_can_repeat_its_work(answers: dict[str, replaying.Answer], name: str) -> None:
    answer = answers[name]
    assert not answer.got.failed, answer.got.payload
    assert answer.changed == SINCE.get(name, {})


def test_planning_again_meets_the_champion(
    answers: dict[str, replaying.Answer], deployed: tuple[PendingApproval, list[events.Call]]
) -> None:
    answer = answers["plan_evaluation"]
    assert not answer.got.failed, answer.got.payload
    assert answer.before["champion_package_arn"] is None
    assert answer.got.payload["champion_package_arn"] == deployed[0].package_arn
    assert set(answer.got.payload["holdouts"]) == {"reference", "recent"}


def test_planning_the_deployment_again_finds_the_endpoint(site: Site, answers: dict[str, replaying.Answer]) -> None:
    answer = answers["plan_deployment"]
    assert not answer.got.failed, answer.got.payload
    assert answer.changed == {"endpoint_exists": True, "previous_config": site.in_service(NAME)}


# Nobody in this installation has published the samples' model.
PLAIN: dict[str, dict[str, Any]] = {
    "expire_approval": {"decision": "expired", "approver": None},
    "explain_failure": {"error": "AlgorithmError", "kind": "job"},
    "govern_retraining": {"errorType": "NotFound"},
    "plan_rollback": {"status": "refused"},
    "settle_execution": {"settled": []},
    "list_endpoints": {"workflow": "monitoring"},
    "plan_window": {"status": "insufficient"},
    "plan_nightly": {"status": "nothing_serves"},
    "question_endpoint": {"status": "unavailable"},
    "stage_batch": {"status": "refused"},
}


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_a_sample_gets_the_answer_that_is_due(answers: dict[str, replaying.Answer], name: str) -> None:
    payload = answers[name].got.payload
    assert {key: payload.get(key) for key in PLAIN[name]} == PLAIN[name], payload


def test_a_refusal_is_one_line_that_says_what_to_do(answers: dict[str, replaying.Answer]) -> None:
    got = answers["govern_retraining"].got
    assert got.failed
    one_line(got.payload["errorMessage"], "found no publication of 'breast_cancer'", "muster publish models/")
    assert '"error":"NotFound"' in got.log


def test_reconcile_leaves_a_deployment_that_is_whole_alone(answers: dict[str, replaying.Answer], site: Site) -> None:
    got = answers["reconcile"].got
    assert not got.failed, got.payload
    assert not [line for line in got.payload["mended"] if NAME in line]
    assert site.endpoints.lease(site.endpoint(NAME)) is None


@pytest.mark.parametrize("name", sorted(SAMPLED - PLAIN.keys() - {"reconcile"}))
def test_a_sample_of_what_is_not_there_is_refused_in_one_line(answers: dict[str, replaying.Answer], name: str) -> None:
    payload = answers[name].got.payload
    assert payload["errorType"] == "NotFound", payload
    one_line(payload["errorMessage"], "found no")
