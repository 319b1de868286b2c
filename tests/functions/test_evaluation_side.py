"""plan_evaluation and judge_candidate."""

import json
from typing import Any

import pytest

from muster import digests, errors, naming
from tests.functions.world import MODEL, World, bucket


# -- plan_evaluation ---------------------------------------------------------------------------------------------------
def test_without_a_champion_the_reference_set_is_enough(world: World) -> None:
    reference = world.put_holdout("reference")
    trained = world.trained()
    plan = world.call("plan_evaluation", trained)
    assert plan["champion"]["present"] is False
    assert plan["champion_package_arn"] is None
    assert plan["holdouts"] == {"reference": reference}
    assert world.call("plan_evaluation", trained) == plan


def test_the_scoring_job_is_told_everything_in_a_document(world: World) -> None:
    world.put_holdout("reference")
    trained = world.trained()
    world.call("plan_evaluation", trained)
    key = f"runs/{trained['run']['run']}/plan/evaluation_plan.json"
    document = json.loads(world.body(naming.s3_uri(bucket("work"), key)))
    assert document["candidate_artifact_digest"] == trained["training"]["artifact"]["digest"]
    assert document["champion_artifact_digest"] is None


def test_with_a_champion_both_sets_and_its_own_prediction_are_planned(world: World) -> None:
    first = world.deployed()
    reference, recent = world.put_holdout("reference"), world.put_holdout("recent")
    world.later(hours=1)
    plan = world.call("plan_evaluation", world.trained(world.resolved(name="two")))
    assert plan["holdouts"] == {"reference": reference, "recent": recent}
    assert plan["champion"]["present"] is True
    assert plan["champion_package_arn"] == first["claim"]["package_arn"]
    assert plan["champion"]["environment"]["SAGEMAKER_PROGRAM"] == "inference.py"


def test_missing_holdouts_are_named(world: World) -> None:
    trained = world.trained()
    with pytest.raises(errors.HoldoutMissing, match="found no reference holdout of 'tumour'"):
        world.call("plan_evaluation", trained)


def test_a_champion_needs_a_recent_holdout(world: World) -> None:
    world.deployed()
    trained = world.trained(world.resolved(name="two"))
    with pytest.raises(errors.HoldoutMissing, match="found no recent holdout of 'tumour'"):
        world.call("plan_evaluation", trained)


def test_a_holdout_that_is_not_what_its_digest_says_is_refused(world: World) -> None:
    digest = world.put_holdout("reference")
    world.put("records", naming.holdout_prefix(MODEL, digest) + "manifest.json", b"{}")
    with pytest.raises(errors.DigestMismatch, match=r"manifest\.json: found sha256"):
        world.call("plan_evaluation", world.trained())


class TestAChampionThatIsGone:
    """Is an error, never "no champion": else losing it would lower the bar."""

    @pytest.fixture
    def trained(self, world: World) -> dict[str, Any]:
        world.deployed()
        world.put_holdout("recent")
        return world.trained(world.resolved(name="two"))

    def test_its_package(self, world: World, trained: dict[str, Any]) -> None:
        world.sagemaker.packages.clear()
        with pytest.raises(errors.NotFound, match=r"champion .*: found no such package"):
            world.call("plan_evaluation", trained)

    def test_its_artifact(self, world: World, trained: dict[str, Any]) -> None:
        champion = world.item(f"MODEL#{MODEL}", "CHAMPION")
        assert champion is not None
        world.s3.delete_object(Bucket=bucket("records"), Key=naming.artifact_key(champion["artifact_digest"]))
        with pytest.raises(errors.ArtifactMissing, match=r"champion .*: found no artifact at s3://"):
            world.call("plan_evaluation", trained)

    def test_its_evidence_is_another(self, world: World, trained: dict[str, Any]) -> None:
        for package in world.sagemaker.packages.values():
            package["CustomerMetadataProperties"]["evidence_digest"] = "0" * 64
        with pytest.raises(errors.DigestMismatch, match=r"champion .*: found evidence 0000"):
            world.call("plan_evaluation", trained)


# -- judge_candidate ---------------------------------------------------------------------------------------------------
def _judge(world: World, base: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    world.put_holdout("reference")
    trained = world.trained()
    plan = world.call("plan_evaluation", trained)
    world.report(plan, base, **changes)
    return {**trained, "plan": plan}


def test_a_candidate_that_meets_its_gates_passes(world: World) -> None:
    event = _judge(world)
    result = world.call("judge_candidate", event)
    assert result["verdict"] == "passed"
    assert result["primary"] == {"metric": "auc", "candidate": 0.985, "champion": None}
    assert result["holdouts"] == event["plan"]["holdouts"]
    for uri, digest in (
        (result["report_uri"], result["report_digest"]),
        (result["evaluation_uri"], result["evaluation_digest"]),
    ):
        assert digests.sha256(world.body(uri)) == digest
        assert uri.startswith(f"s3://{bucket('evidence')}/reports/{MODEL}/{event['run']['run']}/")
    # And a repeat says and keeps the same
    assert world.call("judge_candidate", event) == result


def test_the_page_says_the_verdict_first_and_escapes_its_reasons(world: World) -> None:
    result = world.call("judge_candidate", _judge(world))
    page = world.body(result["report_uri"]).decode()
    assert "<!--muster:verdict-->" not in page
    assert page.index("Passed: may be registered") < page.index("plots")
    assert "no champion serves: the gates decide alone" in page


def test_a_missed_gate_is_a_verdict_with_its_reason(world: World) -> None:
    event = _judge(world, candidate__reference__overall__auc={"value": 0.9, "low": 0.88, "high": 0.92})
    result = world.call("judge_candidate", event)
    assert result["verdict"] == "failed_gate"
    assert "misses at least 0.95" in result["reasons"][0]
    assert "Failed a gate" in world.body(result["report_uri"]).decode()


@pytest.mark.parametrize(
    ("champion", "verdict", "words"),
    [(0.968, "passed", "better at 0.05"), (0.99, "kept_champion", "not shown to be better")],
)
def test_a_challenger_is_compared_with_the_champion(world: World, champion: float, verdict: str, words: str) -> None:
    # Given a champion and a report that compares with it
    world.deployed()
    difference = 0.988 - champion
    comparison = {"difference": difference, "low": difference - 0.005, "high": difference + 0.005}
    comparison["p_better"] = 0.003 if difference > 0 else 0.6
    # When the challenger is judged
    evaluated = world.evaluated(
        world.trained(world.resolved(name="two"), b"other"),
        champion__recent__overall__auc={"value": champion, "low": champion - 0.01, "high": champion + 0.01},
        comparison__recent__overall__auc=comparison,
    )
    # Then the paired test decides, and both numbers are shown
    result = evaluated["evaluation"]
    assert result["verdict"] == verdict
    assert any(words in reason for reason in result["reasons"])
    assert result["primary"] == {"metric": "auc", "candidate": 0.988, "champion": champion}
    assert result["champion_package_arn"] is not None


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"candidate__reference__overall__auc": ...}, errors.ReportInvalid, "auc: value: found nothing"),
        ({"candidate__reference__overall__auc__value": float("nan")}, errors.ReportInvalid, "found nan"),
        ({"holdouts__reference__overlap_rows": 2}, errors.HoldoutOverlap, "found 2 of 130 rows of the reference"),
        ({"problem_type": "regression"}, errors.ReportInvalid, "problem_type"),
        ({"surprise": 1}, errors.ContractError, "surprise: found an unknown field"),
        ({"candidate": ...}, errors.ContractError, "candidate: found nothing"),
    ],
)
def test_a_faulty_report_is_an_error_and_no_verdict(
    world: World, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    event = _judge(world, **changes)
    with pytest.raises(error, match=words):
        world.call("judge_candidate", event)
    assert not world.s3.buckets[bucket("evidence")].objects


def test_a_report_on_other_rows_than_planned_is_an_error(world: World) -> None:
    event = _judge(world)
    event["plan"]["holdouts"]["reference"] = "0" * 64
    with pytest.raises(errors.ReportInvalid, match="as planned"):
        world.call("judge_candidate", event)


@pytest.mark.parametrize("file", ["evaluation.json", "report.html"])
def test_a_missing_report_is_an_error(world: World, file: str) -> None:
    event = _judge(world)
    name, prefix = naming.split_s3_uri(event["plan"]["report_prefix"])
    world.s3.delete_object(Bucket=name, Key=prefix + file)
    with pytest.raises(errors.ReportInvalid, match=f"{file}: found none below"):
        world.call("judge_candidate", event)


def test_figures_that_are_no_json_and_a_page_without_marker_are_errors(world: World) -> None:
    event = _judge(world)
    name, prefix = naming.split_s3_uri(event["plan"]["report_prefix"])
    world.s3.put_object(Bucket=name, Key=prefix + "report.html", Body=b"<html></html>")
    with pytest.raises(errors.ReportInvalid, match=r"found the marker .* 0 times, wanted it once"):
        world.call("judge_candidate", event)
    world.s3.put_object(Bucket=name, Key=prefix + "evaluation.json", Body=b"not json")
    with pytest.raises(errors.ContractError, match=r"evaluation\.json: found no JSON"):
        world.call("judge_candidate", event)
