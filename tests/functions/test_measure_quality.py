"""measure_quality."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from muster import digests, errors, naming
from muster.aws.ground_truth import GroundTruth
from muster.contracts.base import parse
from muster.contracts.quality import QualityReport
from tests.functions.live_traffic import RUN, WATCHING, Rows, Traffic
from tests.functions.world import ENDPOINT, World, bucket

GOOD, BAD = Rows.drawn(600), Rows.drawn(600, sharpness=1.5)


@pytest.fixture
def traffic(world: World) -> Traffic:
    return Traffic(world)


def test_a_model_that_is_as_good_as_registered_is_measured(traffic: Traffic) -> None:
    # Given a day of answers, all labelled since
    traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled())
    # When they are measured
    answer, report = traffic.measured()
    # Then the figures are there with intervals, in Muster's contract and in Model Monitor's schema
    assert (answer["status"], answer["metrics"]) == ("measured", [])
    assert answer["uri"] == f"s3://{bucket('work')}/monitoring/{RUN}/quality/quality.json"
    parse(QualityReport, report)
    assert [each["name"] for each in report["metrics"]] == ["auc", "recall"]
    assert all(each["low"] < each["value"] < each["high"] for each in report["metrics"])
    assert report["rows"] == 600
    assert (report["files_read"], report["files"]) == (1, 1)
    statistics = report["documents"]["statistics"]["binary_classification_metrics"]
    assert statistics["auc"]["value"] == report["metrics"][0]["value"] > 0.97
    constraints = report["documents"]["constraints"]["binary_classification_constraints"]
    assert constraints["auc"] == {
        "threshold": pytest.approx(0.9719, abs=1e-4),
        "comparison_operator": "LessThanThreshold",
    }
    assert report["documents"]["violations"] == {"violations": []}
    # And a repeat says the same
    assert traffic.measured() == (answer, report)


def test_a_model_that_has_become_worse_has_regressed(traffic: Traffic) -> None:
    traffic.capture(BAD.captured())
    traffic.truth(BAD.labelled())
    answer, report = traffic.measured()
    assert answer["status"] == "regressed"
    assert set(answer["metrics"]) == {"auc", "recall"}
    assert "worse than registered 0.985 (0.9719 to 0.9981)" in answer["reasons"][0]
    violations = report["documents"]["violations"]["violations"]
    assert [each["metric_name"] for each in violations] == answer["metrics"]


# -- what cannot be judged is never fine -------------------------------------------------------------------------------
def test_no_label_at_all(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    answer, report = traffic.measured()
    assert answer["status"] == "not_measured"
    assert (
        f"there are no labels since 2026-11-24T12:00:00.000Z below ground_truth/{ENDPOINT}/yyyy/mm/dd/hh/"
        in (report["reason"])
    )
    assert (report["metrics"], report["figures"], report["documents"]) == ([], {}, None)


def test_no_answers(traffic: Traffic) -> None:
    traffic.truth(GOOD.labelled())
    answer, report = traffic.measured()
    assert answer["status"] == "not_measured"
    assert "there are no captured answers" in report["reason"]


def test_too_few_labels_yet(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled(only=99))
    answer, report = traffic.measured()
    assert answer["status"] == "insufficient"
    assert report["reason"].startswith("99 of 600 rows can be judged: 501 have no label yet")
    assert report["reason"].endswith("100 are needed")
    assert report["joined"]["missing"] == 501


def test_labels_of_one_class_leave_nothing_to_judge(world: World) -> None:
    traffic = Traffic(world)
    benign = Rows.drawn(900)
    benign.truth[:] = False
    traffic.capture(benign.captured())
    traffic.truth(benign.labelled())
    answer, report = traffic.measured()
    assert answer["status"] == "insufficient"
    assert report["reason"] == "none of the spec's metrics can be judged on 900 rows"
    assert "auc is not defined: all rows are of one class" in report["reasons"]


def test_a_model_that_serves_for_less_than_the_delay(traffic: Traffic) -> None:
    traffic.end -= timedelta(days=4, hours=20)
    answer, report = traffic.measured()
    assert answer["status"] == "not_measured"
    assert "answers are judged 24 hours later" in report["reason"]
    assert report["window"] is None


def test_answers_of_an_earlier_model_are_not_this_one_s(traffic: Traffic) -> None:
    # Given a window of which a part was before the deployment
    assert traffic.live is not None
    traffic.end -= timedelta(days=3, hours=12)
    traffic.capture(BAD.captured(), hours_ago=(traffic.end - traffic.live.at) / timedelta(hours=1) + 0.01)
    traffic.capture(GOOD.captured(), hours_ago=25)
    traffic.truth(GOOD.labelled(), hours_ago=-5)
    answer, report = traffic.measured()
    # Then only what this model answered counts
    assert (answer["status"], report["rows"], report["files"]) == ("measured", 600, 1)
    assert report["window"]["start"] == traffic.live.payload()["at"]


def test_a_model_that_serves_no_more(traffic: Traffic) -> None:
    assert traffic.live is not None
    traffic.world.endpoints.set_live(traffic.live.model_copy(update={"package_arn": "another"}))
    answer, report = traffic.measured()
    assert answer["status"] == "not_measured"
    assert "serves no more" in report["reason"]


# -- joining -----------------------------------------------------------------------------------------------------------
def test_late_labels_count_in_a_later_run(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled(only=50))
    assert traffic.measured()[0]["status"] == "insufficient"
    # When the rest comes, and the first half once more
    traffic.truth(GOOD.labelled(), hours_ago=1, name="late")
    answer, report = traffic.measured()
    assert (answer["status"], report["rows"], report["joined"]["changed"]) == ("measured", 600, 0)


def test_the_later_label_of_a_request_holds(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    wrong = "".join(f"{GOOD.label(n, says='benign')}\n" for n in range(600))
    traffic.truth(wrong, hours_ago=9)
    traffic.truth(GOOD.labelled(), hours_ago=8)
    answer, report = traffic.measured()
    assert answer["status"] == "measured"
    assert report["joined"]["changed"] == int(GOOD.truth.sum())


def test_the_caller_s_id_comes_first(traffic: Traffic) -> None:
    traffic.capture("".join(f"{GOOD.record(n, inference=f'case-{n}')}\n" for n in range(600)))
    traffic.truth("".join(f"{GOOD.label(n, name=f'case-{n}')}\n{GOOD.label(n, says='benign')}\n" for n in range(600)))
    answer, report = traffic.measured()
    assert (answer["status"], report["rows"]) == ("measured", 600)


def test_labels_of_other_answers_do_no_harm(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    traffic.truth("".join(f"{GOOD.label(0, name=f'other-{n}')}\n" for n in range(2000)) + GOOD.labelled())
    answer, report = traffic.measured()
    assert (answer["status"], report["rows"], report["joined"]["missing"]) == ("measured", 600, 0)


def test_muster_s_own_requests_are_not_counted(traffic: Traffic) -> None:
    own = "".join(f"{BAD.record(n, inference=f'{naming.OWN_REQUEST}golden-{n}')}\n" for n in range(300))
    traffic.capture(GOOD.captured() + own)
    traffic.truth(GOOD.labelled())
    _, report = traffic.measured()
    assert (report["rows"], report["joined"]["own"]) == (600, 300)


def test_packed_files_are_read(traffic: Traffic) -> None:
    traffic.capture(gzip.compress(GOOD.captured().encode()))
    traffic.truth(gzip.compress(GOOD.labelled().encode()))
    assert traffic.measured()[0]["status"] == "measured"


# -- bad input ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not_json"),
        ('{"eventVersion": "0"}', "not_a_capture_record"),
        (GOOD.label(1, eventVersion="1"), "unknown_event_version"),
        (GOOD.label(1, groundTruthData={"data": "MQ==", "encoding": "BASE64"}), "unknown_encoding"),
        (GOOD.label(1, groundTruthData={"data": "benign,malignant", "encoding": "CSV"}), "wrong_field_count"),
        (GOOD.label(1, groundTruthData={"data": " \n", "encoding": "CSV"}), "empty_payload"),
        (GOOD.label(1, eventMetadata={"eventId": ""}), "not_a_capture_record"),
        (GOOD.label(1, eventMetadata={"eventId": 7}), "not_a_capture_record"),
        (GOOD.label(1)[:60], "not_json"),
    ],
)
def test_labels_that_cannot_be_read_are_counted_and_kept(traffic: Traffic, line: str, reason: str) -> None:
    traffic.capture(GOOD.captured())
    traffic.truth(f"{line}\n{GOOD.labelled()}")
    answer, report = traffic.measured()
    assert answer["status"] == "measured"
    assert report["joined"]["label_poison"] == {reason: 1}
    (entry,) = _quarantine(traffic)
    assert (entry["reason"], entry["line"]) == (reason, 1)
    assert entry["text"] == line


def test_a_label_file_that_breaks_off_gives_what_it_has(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    packed = gzip.compress(GOOD.labelled().encode())
    traffic.truth(packed[: len(packed) // 2])
    answer, report = traffic.measured()
    assert report["joined"]["label_poison"]["damaged_file"] == 1
    assert 0 < report["joined"]["missing"] < 600
    assert answer["status"] in ("measured", "insufficient")


@pytest.mark.parametrize("poisoned", ["labels", "captures"])
def test_more_unreadable_records_than_the_spec_allows_are_insufficient(traffic: Traffic, poisoned: str) -> None:
    bad = "{}\n" * 40
    traffic.capture(GOOD.captured() + (bad if poisoned == "captures" else ""))
    traffic.truth(GOOD.labelled() + (bad if poisoned == "labels" else ""))
    answer, report = traffic.measured()
    assert answer["status"] == "insufficient"
    assert "40 of 640" in report["reason"]
    assert "6.2%: more than 5.0%, so nothing is judged" in report["reason"]


def test_labels_that_are_no_class_or_of_another_number_are_left_out(traffic: Traffic) -> None:
    odd = GOOD.label(0, says="unclear") + "\n" + GOOD.label(1, says="benign\nbenign") + "\n"
    traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled(), hours_ago=4)
    traffic.truth(odd, hours_ago=3)
    _, report = traffic.measured()
    assert (report["rows"], report["joined"]["unusable"], report["joined"]["mismatched"]) == (598, 1, 1)


def test_labels_outside_an_hour_s_folder_are_not_found(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    traffic.world.put("data", f"{naming.ground_truth_prefix(ENDPOINT)}all.jsonl", GOOD.labelled().encode())
    answer, _ = traffic.measured()
    assert answer["status"] == "not_measured"


def test_labels_are_found_by_the_hour_of_their_collection(traffic: Traffic) -> None:
    # Given labels over three days and a month's end, one file before the answers and one that is not due yet
    truth = GroundTruth(traffic.world.s3, bucket("data"))
    end = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
    hours = [end - timedelta(hours=each) for each in (60, 48, 30, 13, 12, 1, 0, -1)]
    for at in hours:
        key = f"{naming.ground_truth_prefix(ENDPOINT)}{at:%Y/%m/%d/%H}/labels.jsonl"
        traffic.world.put("data", key, b"{}")
    # When those since an answer are listed
    found = truth.between(ENDPOINT, end - timedelta(hours=48), end)
    # Then each hour that is over or running is there, in order
    wanted = [f"{at:%Y/%m/%d/%H}" for at in hours[1:-1]]
    assert ["/".join(each.uri.split("/")[-5:-1]) for each in found] == wanted


@pytest.mark.parametrize("kind", ["data", "capture"])
def test_buckets_without_versions_are_refused(traffic: Traffic, kind: str) -> None:
    traffic.world.s3.buckets[bucket(kind)].versioning = None
    traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled())
    with pytest.raises(errors.DataRefused, match="found no version"):
        traffic.measured()


def test_a_batch_has_no_place_for_labels(traffic: Traffic) -> None:
    event = traffic.event()
    event["watched"]["subject"] = "batch"
    with pytest.raises(errors.ContractError, match="found batch, wanted endpoint"):
        traffic.world.call("measure_quality", event)


def test_an_evaluation_that_is_not_the_registered_one_is_refused(traffic: Traffic) -> None:
    traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled())
    for key in traffic.world.s3.buckets[bucket("evidence")].objects:
        if key.endswith("evaluation.json"):
            traffic.world.put("evidence", key, b"{}")
    with pytest.raises(errors.DigestMismatch):
        traffic.measured()


# -- much data ---------------------------------------------------------------------------------------------------------
def test_of_more_than_the_policy_allows_a_sample_of_files_is_read(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [Rows.drawn(60, seed=seed) for seed in range(10)]
    for number, part in enumerate(parts):
        lines = [part.record(n).replace("event-", f"event-{number}-") for n in range(60)]
        traffic.capture("\n".join(lines), hours_ago=30 + number / 10, name=f"part-{number}")
        traffic.truth("\n".join(part.label(n, name=f"event-{number}-{n}") for n in range(60)), name=f"part-{number}")
    from muster.aws import documents

    policy, digest = documents.policy()
    size = len(parts[0].captured()) * 4
    few = policy.model_copy(update={"monitoring": policy.monitoring.model_copy(update={"quality_bytes": size})})
    monkeypatch.setattr("muster.aws.answers.policy", lambda: (few, digest))
    _, report = traffic.measured()
    assert report["files"] == 10
    assert 2 <= report["files_read"] <= 4
    assert report["captured"]["bytes"] <= size
    assert report["joined"]["rows"] == 60 * report["files_read"]
    assert traffic.measured()[1] == report


# -- bias --------------------------------------------------------------------------------------------------------------
def test_groups_are_compared_with_and_without_labels(traffic: Traffic) -> None:
    old = Rows.drawn(1200, bias=7.0)
    traffic.capture(old.captured())
    traffic.truth(old.labelled())
    traffic.window(old.captured())
    answer, report = traffic.measured()
    by = {(each["measure"], each["group"]): each for each in report["bias"]}
    assert set(by) == {(m, g) for m in ("positive_proportion", "true_positive_rate") for g in ("old", "young")}
    # The old are found less often: shown for both measures, judged for the one that the spec bounds
    assert by["positive_proportion", "old"]["high"] < 0
    assert by["positive_proportion", "old"]["verdict"] == "not_judged"
    assert by["true_positive_rate", "old"]["verdict"] == "beyond"
    assert by["true_positive_rate", "old"]["limit"] == 0.2
    assert answer["status"] == "regressed"
    assert "true_positive_rate of age_band" in answer["metrics"]


def test_proportions_are_of_the_window_itself_and_need_no_labels(traffic: Traffic) -> None:
    traffic.window(GOOD.captured(), BAD.captured())
    answer, report = traffic.measured()
    assert answer["status"] == "not_measured"
    assert {each["measure"] for each in report["bias"]} == {"positive_proportion"}
    assert sum(each["rows"] for each in report["bias"]) == 1200


def test_a_facet_of_measurements_is_no_harm(world: World) -> None:
    traffic = Traffic(world, monitoring=WATCHING["monitoring"] | {"facets": ["radius"]})
    traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled())
    traffic.window(GOOD.captured())
    answer, report = traffic.measured()
    assert answer["status"] == "measured"
    by = {(each["measure"], each["group"]): each for each in report["bias"]}
    assert len(by) == 2 * 51
    assert by["positive_proportion", "(other values)"]["rows"] == 550


def test_values_of_a_controlled_facet_are_nowhere(world: World) -> None:
    capture = {"enabled": True, "sampling_percent": 100, "controlled_fields": ["age_band"]}
    traffic = Traffic(world, capture=capture)
    traffic.capture(GOOD.captured() + "young,old{\n")
    traffic.truth(GOOD.labelled() + "young,old{\n")
    traffic.window(GOOD.captured())
    answer, report = traffic.measured()
    told = json.dumps([answer, report, _quarantine(traffic)])
    assert "young" not in told
    assert "old" not in told.replace("threshold", "").replace("Threshold", "")
    assert all(each["group"].startswith("#") for each in report["bias"])
    assert len(_quarantine(traffic)) == 2


def test_a_metric_other_than_recall_is_compared_as_the_spec_bounds_it(world: World) -> None:
    group = {"column": "age_band", "metric": "auc", "max_difference": 0.01, "min_rows": 30}
    traffic = Traffic(world, evaluation__bias_groups=[group], report={"base": _report("auc")})
    blurred = Rows.drawn(1000)
    chosen = [n for n, band in enumerate(blurred.band) if band == "old"]
    blurred.score[chosen] = Rows.drawn(1000, seed=3).score[chosen]
    traffic.capture(blurred.captured())
    traffic.truth(blurred.labelled())
    _, report = traffic.measured()
    (old,) = [each for each in report["bias"] if each["measure"] == "metric" and each["group"] == "old"]
    assert (old["metric"], old["limit"], old["verdict"]) == ("auc", 0.01, "beyond")
    assert old["high"] < -0.01


def _report(metric: str) -> dict:
    from tests.unit import samples

    base = samples.bent(samples.REPORT)
    for holdout in base["candidate"].values():
        holdout["bias"]["age_band"] |= {"metric": metric, "difference": {"value": 0.0, "low": 0.0, "high": 0.005}}
    return base


def _quarantine(traffic: Traffic) -> list[dict]:
    uri = f"s3://{bucket('work')}/monitoring/{RUN}/quality/quarantine.jsonl"
    return [json.loads(line) for line in traffic.world.body(uri).splitlines()]


def test_files_are_pinned_in_the_report(traffic: Traffic) -> None:
    uri = traffic.capture(GOOD.captured())
    traffic.truth(GOOD.labelled())
    name, key = naming.split_s3_uri(uri)
    (version,) = traffic.world.s3.buckets[name].objects[key]
    _, report = traffic.measured()
    assert report["captured"]["digest"] == digests.sha256(digests.canonical([[uri, version.version_id]]))
    assert WATCHING["monitoring"]["quality"]["confidence"] == report["confidence"]
