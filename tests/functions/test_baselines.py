"""make_baseline, seal_baseline: counted here or by a job, sealed, bound to evidence and package."""

import csv
import io
import json
from typing import Any

import numpy as np
import pytest

from muster import digests, errors, naming
from muster.aws import documents, redaction_keys, s3
from muster.contracts.base import parse
from muster.contracts.documents import BaselineRef
from muster.contracts.monitoring import BaselinePlan
from muster_numerics.redaction import Redaction
from muster_numerics.reference import reference
from muster_numerics.table_baseline import count_features
from muster_numerics.table_rows import Table
from tests.functions.world import MODEL, PREFIX_OF_DATA, World, bucket
from tests.unit import samples

HEADER = ["sample_id", "size", "site", "diagnosis"]
Json = dict[str, Any]


def csv_of(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def data(start: int, number: int = 300) -> bytes:
    sizes = np.random.default_rng(start).normal(size=number).round(3).tolist()
    rows = [[f"s{start + each}", str(size), ("north", "south")[each % 2], "benign"] for each, size in enumerate(sizes)]
    return csv_of([HEADER, *rows])


def trained(world: World, **spec: Any) -> Json:
    """A run and its sealed training on two files and a note."""
    world.publish(**spec)
    run = world.resolved()
    for name, content in (("part1.csv", data(0)), ("part2.csv", data(300)), ("readme.txt", b"not data")):
        world.put("data", PREFIX_OF_DATA + name, content)
    snapshot = world.call("snapshot_data", {"run": run})["snapshot"]
    event = {"run": run, "snapshot": snapshot, "training_job_name": world.train(run)}
    return {"run": run, "training": world.call("seal_artifact", event)}


def based(world: World, **spec: Any) -> Json:
    event = trained(world, **spec)
    return {"run": event["run"], "training": world.call("make_baseline", event)["training"]}


def evaluated(world: World, event: Json, **report: Any) -> Json:
    """The same, judged on a holdout whose predictions lie there."""
    manifest = {
        "schema": 1,
        "model": MODEL,
        "kind": "reference",
        "rows": 130,
        "columns": ["sample_id", "size", "site"],
        "features_sha256": "1" * 64,
        "labels_sha256": "2" * 64,
    }
    content = digests.canonical(manifest)
    prefix = naming.holdout_prefix(MODEL, digests.sha256(content))
    uri = world.put("records", prefix + "manifest.json", content).removesuffix("manifest.json")
    world.ledger.put(
        f"MODEL#{MODEL}", "HOLDOUT#reference", {"digest": digests.sha256(content), "uri": uri, "rows": 130}
    )
    rows = [[f"h{number}", f"{number / 130:.4f}"] for number in range(130)]
    key = naming.work_prefix(event["run"]["run"], "predict") + "reference.csv"
    world.put("work", key, csv_of([["row_id", "prediction_0"], *rows]))
    return world.evaluated(event, **report)


def ref_of(training: Json) -> BaselineRef:
    return parse(BaselineRef, training["baseline"])


# -- make_baseline -----------------------------------------------------------------------------------------------------
def test_a_training_s_data_are_counted_and_sealed(world: World) -> None:
    # Given a sealed training, when its baseline is made, then the training's result names it, ...
    event = trained(world)
    answer = world.call("make_baseline", event)
    assert answer["status"] == "complete"
    assert {**answer["training"], "baseline": None} == event["training"]
    ref = ref_of(answer["training"])
    # ... the document is named by its digest and counts every row of the data files, ...
    document = documents.baseline_of(world.store, ref)
    assert f"baselines/{ref.baseline.digest}/baseline.json" in ref.baseline.uri
    assert (document.rows, document.snapshot_digest) == (600, event["training"]["snapshot"]["digest"])
    assert [(each.name, each.kind) for each in document.features] == [("size", "number"), ("site", "word")]
    assert (document.artifact_digest, document.predictions, document.redaction_key) == (None, (), None)
    # ... and the same is there for Model Monitor's readers; all of it is locked.
    statistics = json.loads(world.body(ref.statistics.uri))
    assert [each["name"] for each in statistics["features"]] == ["size", "site"]
    constraints = json.loads(world.body(ref.constraints.uri))
    assert constraints["features"][1]["string_constraints"] == {"domains": ["north", "south"]}
    for each in (ref.baseline, ref.statistics, ref.constraints):
        stored = world.store.stat(each.uri)
        assert stored is not None
        assert (stored.sha256, stored.held_until is not None) == (each.digest, True)


def test_the_same_training_has_the_same_baseline(world: World) -> None:
    event = trained(world)
    first = world.call("make_baseline", event)
    assert world.call("make_baseline", event) == first


def test_data_too_many_for_the_function_are_counted_by_a_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given more data than the function counts, one column of them controlled
    event = trained(world, capture__controlled_fields=["site"])
    here = world.call("make_baseline", event)
    policy = samples.policy(monitoring__inline_baseline_bytes=10)
    monkeypatch.setattr("functions.make_baseline.app.policy", lambda: (policy, "0" * 64))
    # When the baseline is made, then a job is asked for, with a plan and the key as inputs of its own
    needed = world.call("make_baseline", event)
    assert needed["status"] == "job_needed"
    inputs = {each["InputName"]: each["S3Input"]["S3Uri"] for each in needed["job"]["inputs"]}
    assert inputs["key"] == naming.s3_uri(bucket("records"), f"redaction/{MODEL}/key")
    assert inputs["snapshot"].endswith(f"/snapshots/{event['training']['snapshot']['digest']}/")
    plan = parse(BaselinePlan, json.loads(world.body(inputs["plan"])))
    assert plan.redaction_key_digest == digests.sha256(world.body(inputs["key"]))
    assert needed["job"]["entrypoint"][1].endswith("/baseline.py")
    # When the job has counted, as its script does, then the baseline is what the function would have made
    files = [
        (name, lambda content=content: io.BytesIO(content)) for name, content in (("1", data(0)), ("2", data(300)))
    ]
    redaction = Redaction(frozenset(plan.controlled), world.body(inputs["key"]))
    counts = count_features(Table(files, plan.row_id, plan.target), plan.categorical, redaction, time_ordered=False)
    name, key = naming.split_s3_uri(needed["counts_uri"])
    world.s3.put_object(Bucket=name, Key=key, Body=json.dumps(counts).encode())
    assert world.call("make_baseline", {**event, "counts_uri": needed["counts_uri"]}) == here


def test_controlled_words_are_in_none_of_the_files_and_one_key_serves_all_versions(world: World) -> None:
    event = based(world, capture__controlled_fields=["site"])
    ref = ref_of(event["training"])
    for each in (ref.baseline, ref.statistics, ref.constraints):
        assert b"north" not in world.body(each.uri)
    document = documents.baseline_of(world.store, ref)
    assert document.controlled == ("site",)
    key = documents.redaction_key_of(world.store, document)
    assert len(key) == 32
    assert redaction_keys.ensure(world.store, world.settings, MODEL) == (document.redaction_key, key)
    held = world.store.stat(naming.s3_uri(bucket("records"), naming.redaction_key_key(MODEL)))
    assert held is not None
    # Given that somebody replaced the key: then windows are not counted by another, which would call every word new
    world.put("records", naming.redaction_key_key(MODEL), b"\0" * 32)
    with pytest.raises(errors.DigestMismatch):
        documents.redaction_key_of(world.store, document)


def test_of_two_first_keys_the_first_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given another function that makes the key between the look and the writing
    drawn = iter([b"a" * 32, b"b" * 32])

    def token_bytes(size: int) -> bytes:
        mine = next(drawn)
        if mine == b"a" * 32:
            redaction_keys.ensure(world.store, world.settings, MODEL)
        return mine

    monkeypatch.setattr(redaction_keys.secrets, "token_bytes", token_bytes)
    assert redaction_keys.ensure(world.store, world.settings, MODEL)[1] == b"b" * 32


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({"target": "truth"}, "baseline of tumour: part1.csv: header: found no column 'truth'"),
        ({"capture__controlled_fields": ["sight"]}, "capture.controlled_fields: found 'sight', wanted columns"),
        ({"monitoring__categorical": ["sight"]}, "monitoring.categorical: found 'sight', wanted columns"),
    ],
)
def test_data_that_cannot_be_counted_are_refused_in_one_line(world: World, spec: Json, line: str) -> None:
    event = trained(world, **spec)
    with pytest.raises(errors.DataRefused, match=line) as caught:
        world.call("make_baseline", event)
    assert "\n" not in str(caught.value)
    assert not any("baselines/" in key for key in world.s3.buckets[bucket("records")].objects)


def test_a_snapshot_that_was_tampered_with_is_not_counted(world: World) -> None:
    event = trained(world)
    name, prefix = naming.split_s3_uri(event["training"]["snapshot"]["data_uri"])
    world.s3.put_object(Bucket=name, Key=f"{prefix}part1.csv", Body=data(900))
    with pytest.raises(errors.DigestMismatch, match=r"part1\.csv"):
        world.call("make_baseline", event)


@pytest.mark.parametrize("content", [b"no json", b'{"rows": 0, "features": [], "columns": {}}'])
def test_counts_of_another_form_are_refused(world: World, content: bytes) -> None:
    uri = world.put("work", "runs/x/baseline/counts.json", content)
    with pytest.raises(errors.ContractError, match=r"counts\.json"):
        world.call("make_baseline", {**trained(world), "counts_uri": uri})


def test_a_function_never_reads_more_than_it_can_hold(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = samples.policy(monitoring__inline_baseline_bytes=10 * s3.READ_LIMIT)
    monkeypatch.setattr("functions.make_baseline.app.policy", lambda: (policy, "0" * 64))
    event = trained(world)
    event["training"]["snapshot"]["bytes"] = s3.READ_LIMIT + 1
    assert world.call("make_baseline", event)["status"] == "job_needed"


# -- seal_baseline -----------------------------------------------------------------------------------------------------
def test_a_model_s_baseline_has_its_answers_and_their_quality(world: World) -> None:
    event = evaluated(world, based(world))
    answer = world.call("seal_baseline", event)
    assert world.call("seal_baseline", event) == answer
    ref = parse(BaselineRef, answer["baseline"])
    document = documents.baseline_of(world.store, ref)
    assert document.artifact_digest == event["training"]["artifact"]["digest"]
    assert [(each.feature, each.importance) for each in document.attributions] == [("radius", 0.4)]
    found = reference(document.payload())
    assert list(found.baseline.columns) == ["size", "site", "prediction", "predicted_label"]
    assert found.baseline.columns["predicted_label"].counts.levels == (65, 65)
    assert ref.quality_statistics is not None
    assert ref.quality_constraints is not None
    statistics = json.loads(world.body(ref.quality_statistics.uri))
    assert statistics["dataset"]["item_count"] == 130
    assert statistics["binary_classification_metrics"]["auc"]["value"] == 0.985
    constraints = json.loads(world.body(ref.quality_constraints.uri))
    assert constraints["binary_classification_constraints"]["auc"]["threshold"] == 0.975


def test_a_training_without_a_baseline_stays_without(world: World) -> None:
    assert world.call("seal_baseline", world.evaluated(trained(world))) == {"baseline": None}


def test_predictions_of_another_form_are_refused(world: World) -> None:
    event = evaluated(world, based(world))
    key = naming.work_prefix(event["run"]["run"], "predict") + "reference.csv"
    world.put("work", key, b"row_id,prediction_0\nh1,maybe\n")
    with pytest.raises(
        errors.DataRefused, match=r"baseline of tumour: reference.csv: found a prediction that is no num"
    ):
        world.call("seal_baseline", event)


def test_figures_that_are_not_those_judged_are_refused(world: World) -> None:
    event = evaluated(world, based(world))
    name, key = naming.split_s3_uri(event["evaluation"]["evaluation_uri"])
    world.s3.put_object(Bucket=name, Key=key, Body=b"{}")
    with pytest.raises(errors.DigestMismatch):
        world.call("seal_baseline", event)


# -- bound -------------------------------------------------------------------------------------------------------------
def test_evidence_and_package_name_the_baseline_by_digest(world: World) -> None:
    event = evaluated(world, based(world))
    event |= world.call("seal_baseline", event)
    evidence = world.call("assemble_evidence", event)
    assert json.loads(world.body(evidence["evidence_uri"]))["baseline"] == event["baseline"]
    registered = world.call("register_model", {**event, "evidence": evidence})
    package = world.sagemaker.packages[registered["package_arn"]]
    statistics = package["DriftCheckBaselines"]["ModelDataQuality"]["Statistics"]
    assert statistics["ContentDigest"] == f"sha256:{event['baseline']['statistics']['digest']}"
    assert package["DriftCheckBaselines"]["ModelQuality"]["Constraints"]["S3Uri"].endswith("quality_constraints.json")
    assert package["ModelMetrics"]["ModelDataQuality"] == package["DriftCheckBaselines"]["ModelDataQuality"]
    assert package["CustomerMetadataProperties"]["baseline_digest"] == event["baseline"]["baseline"]["digest"]


def test_a_model_without_a_baseline_names_none(world: World) -> None:
    event = world.evaluated(trained(world))
    evidence = world.call("assemble_evidence", {**event, "baseline": None})
    assert "baseline" not in json.loads(world.body(evidence["evidence_uri"]))
    registered = world.call("register_model", {**event, "baseline": None, "evidence": evidence})
    package = world.sagemaker.packages[registered["package_arn"]]
    assert "DriftCheckBaselines" not in package
    assert "ModelDataQuality" not in package["ModelMetrics"]


@pytest.mark.parametrize("part", ["baseline", "statistics", "constraints", "quality_statistics", "quality_constraints"])
def test_evidence_names_no_baseline_that_is_not_there(world: World, part: str) -> None:
    event = evaluated(world, based(world))
    event |= world.call("seal_baseline", event)
    name, key = naming.split_s3_uri(event["baseline"][part]["uri"])
    world.s3.put_object(Bucket=name, Key=key, Body=b"something else")
    with pytest.raises(errors.DigestMismatch, match="evidence is not written"):
        world.call("assemble_evidence", event)
