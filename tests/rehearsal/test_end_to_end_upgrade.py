"""An upgrade while people are asked: what the previous version began, this version finishes.

The previous version's functions, layer and workflows run until one of its models serves and two more wait for a person.
Then this checkout is deployed over it, as `sam deploy` would. Running executions keep the definition that they started with;
what they call is new, and finds ledger items, tokens, packages and evidence that the previous version wrote.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from muster.contracts.pipeline import PendingApproval
from ops import datasets, executions, publishing
from ops.executions import Ended
from ops.packaging import Package, pack, read_spec
from ops.stage import ROOT
from rehearsal import scheduler
from tests.rehearsal import previous
from tests.rehearsal.stage_support import MODEL, Site, Started, one_line

pytestmark = pytest.mark.xdist_group("stage")
NAME = "upgraded"


@dataclass
class Before:
    """What the previous version left: a model that serves, and two runs that wait for a person."""

    serving: PendingApproval
    config: str
    waits: dict[str, Started]
    approvals: dict[str, PendingApproval]


def _start(site: Site, rounds: int) -> Started:
    """Publish a variant of the model and start it: another number of rounds makes another publication."""
    folder = site.write(NAME, {"training.hyperparameters.num_round": rounds})
    return site.start(NAME, spec_digest=site.publish(folder).spec_digest)


def _packed_then(folder: Path) -> Package:
    package = pack(folder)
    return replace(package, spec_bytes=previous.spec_of_then(package.spec_bytes))


@pytest.fixture(scope="module")
def before(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Before:
    """Let the previous version work until two runs wait, then deploy this one."""
    site.stage.deploy(previous.lay_out(tmp_path_factory.mktemp("upgrade") / "previous"))
    then = pytest.MonkeyPatch()
    then.setattr(publishing, "pack", _packed_then)
    try:
        folder = site.write(NAME)
        site.put_data(folder)
        datasets.put_holdout(site.sam, read_spec(folder), "recent", MODEL / "data" / "holdout_recent.csv")
        runs = {name: _start(site, rounds) for name, rounds in (("serves", 30), ("finished", 31), ("strayed", 32))}
        asked = {name: site.pending(started) for name, started in runs.items()}
        serving = asked.pop("serves")
        site.answer(site.alex, serving.package_arn)
        deployed = site.deployment(serving.package_arn)
        assert deployed.outcome == "deployed", deployed
        site.champion(NAME, serving.package_arn)
        site.settled()
    finally:
        then.undo()
        site.stage.deploy(ROOT / "template.yaml")
    return Before(serving, str(deployed.output["config_name"]), runs, asked)


def test_what_runs_before_the_upgrade_is_the_previous_version(tmp_path: Path) -> None:
    # Given the kept version, when it is laid out under today's templates, then all of its code is there, and none of today's
    # is mixed into its layer.
    folder = previous.lay_out(tmp_path / "previous").parent
    with tarfile.open(previous.ARCHIVE) as archive:
        kept = {each.name: archive.extractfile(each) for each in archive.getmembers() if each.name.endswith(".py")}
        assert {name: file.read() for name, file in kept.items() if file} == {
            name: (folder / name).read_bytes() for name in kept
        }
    layer = {str(path.relative_to(folder)) for path in (folder / "layers" / "muster" / "muster").rglob("*.py")}
    assert layer
    assert {name for name in layer if "/muster/jobs/" not in name} <= kept.keys()


@pytest.fixture(scope="module")
def finished(site: Site, before: Before) -> tuple[Ended, Ended]:
    """Let a person approve, after the upgrade, what the previous version asked for; return pipeline and deployment."""
    started, approval = before.waits["finished"], before.approvals["finished"]
    site.answer(site.alex, approval.package_arn)
    return site.ended(started.arn), site.deployment(approval.package_arn)


@pytest.fixture(scope="module")
def rolled_back(site: Site, finished: tuple[Ended, Ended]) -> Ended:
    """Roll the endpoint back to what served before the upgrade."""
    request = {"endpoint": site.endpoint(NAME), "reason": "an upgrade's test"}
    return site.ended(executions.start(site.olga, "rollback", request))


def test_a_pending_approval_is_answered_after_the_upgrade(
    site: Site, before: Before, finished: tuple[Ended, Ended]
) -> None:
    # Given a run that the previous version brought to a person, when the person approves it after the upgrade, then the
    # pipeline goes on, and its model takes the endpoint over from the one that was deployed before.
    pipeline, deployment = finished
    assert (pipeline.outcome, deployment.outcome) == ("approved", "deployed"), finished
    history = {each.config_name: each for each in site.endpoints.history(site.endpoint(NAME))}
    assert history[deployment.output["config_name"]].previous_config == before.config


def test_a_roll_back_finds_what_the_previous_version_deployed(site: Site, before: Before, rolled_back: Ended) -> None:
    # Given an endpoint whose last good configuration is older than the upgrade, when it is rolled back, then it serves that.
    assert rolled_back.outcome == "rolled_back", rolled_back
    assert site.in_service(NAME) == before.config
    site.champion(NAME, before.serving.package_arn)


def test_a_new_candidate_is_compared_with_a_champion_of_the_previous_version(
    site: Site, before: Before, rolled_back: Ended
) -> None:
    # Given a champion that the previous version trained, when an equal candidate is judged, then the champion is kept.
    site.champion(NAME, before.serving.package_arn)
    ended = site.ended(site.start(NAME).arn)
    assert ended.outcome == "kept_champion", ended


def test_an_answer_that_a_bad_version_drops_is_found_by_the_next(site: Site, before: Before, tmp_path: Path) -> None:
    # Given a version that cannot read the previous one's tokens, when a person answers, then its function fails, ...
    started, approval = before.waits["strayed"], before.approvals["strayed"]
    template = previous.lay_out_today(tmp_path / "bad")
    tokens = template.parent / "layers" / "muster" / "muster" / "aws" / "tokens.py"
    right = tokens.read_text(encoding="utf-8")
    wrong = right.replace('"muster:package"', '"muster:model-package"')
    assert wrong != right
    tokens.write_text(wrong, encoding="utf-8")
    assert site.denied() == []
    site.stage.deploy(template)
    seen = len(site.rehearsal.lambda_calls())
    try:
        site.answer(site.alex, approval.package_arn)
        failed = site.until(
            lambda: next((call for call in site.rehearsal.lambda_calls()[seen:] if call.error), None), "a failure"
        )
        assert failed.function == "muster-record-decision"
        assert executions.describe(site.all, started.arn).running
    finally:
        site.stage.deploy(ROOT / "template.yaml")
    # (its role may decrypt under the right context only) ...
    assert {each.partition(" on ")[0].rpartition("/")[2] for each in site.denied()} == {
        "muster-record-decision: kms:Decrypt"
    }
    # ... and when it is put right, then reconcile tells the pipeline what the person said.
    site.settled()
    scheduler.fire("muster/muster-reconcile")
    ended = site.ended(started.arn)
    assert ended.outcome == "approved"
    one_line("; ".join(ended.output["reasons"]), "alex")


def test_no_role_lacked_a_permission(site: Site) -> None:
    assert site.denied() == []
