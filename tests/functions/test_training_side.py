"""resolve_request, snapshot_data, plan_training, seal_artifact."""

import json
from typing import Any

import pytest

from muster import digests, errors, naming
from tests.functions import fakes
from tests.functions.world import IMAGE, MODEL, PREFIX_OF_DATA, World, bucket, execution
from tests.unit import samples


def _request(**changes: Any) -> dict[str, Any]:
    started = {**execution("pipeline"), "started_at": "2026-11-21T12:00:00.123Z"}
    return {"request": {"model": MODEL, **changes}, "execution": started}


# -- resolve_request ---------------------------------------------------------------------------------------------------
def test_a_request_becomes_a_run_with_everything_by_digest(world: World) -> None:
    # Given two publications of a model
    first = world.publish()
    world.later(hours=1)
    second = world.publish(training__hyperparameters={"max_depth": 4})
    # When a run is asked for, and one with the older spec
    newest = world.call("resolve_request", _request(trigger="schedule"))
    older = world.call("resolve_request", _request(spec_digest=first.spec_digest))
    # Then the pointer decides, or the digest
    assert newest["spec_digest"] == second.spec_digest
    assert older["spec_digest"] == first.spec_digest
    assert newest["run"] == digests.sha256(execution("pipeline")["arn"].encode())[:20]
    assert (newest["image_uri"], newest["publisher"], newest["trigger"]) == (IMAGE, "paula", "schedule")
    assert newest["approval_wait_seconds"] == 604800


def test_a_run_is_recorded_once(world: World) -> None:
    world.publish()
    run = world.call("resolve_request", _request())
    again = world.call("resolve_request", _request())
    assert run == again
    item = world.item(f"RUN#{run['run']}", "RUN")
    assert item is not None
    assert item["execution_arn"] == execution("pipeline")["arn"]
    assert item["started_at"] == "2026-11-21T12:00:00.123Z"


def test_the_link_to_the_parent_execution_is_no_field_of_a_request(world: World) -> None:
    world.publish()
    asked = _request(AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID="arn")
    assert world.call("resolve_request", asked)["model"] == MODEL


@pytest.mark.parametrize(
    ("event", "error", "words"),
    [
        (_request(model="unknown"), errors.NotFound, "found no publication of 'unknown'.*muster publish"),
        (_request(spec_digest="0" * 64), errors.NotFound, "found no publication 0000"),
        (_request(modle="x"), errors.ContractError, "modle: found an unknown field, wanted 'model'"),
        (_request(model=3), errors.ContractError, "model: found 3, wanted text"),
        ({"request": None, "execution": execution("pipeline")}, errors.ContractError, "PipelineRequest"),
        (
            {**_request(), "execution": execution("pipeline")},
            errors.ContractError,
            "execution.started_at: found nothing",
        ),
        ({**_request(), "execution": None}, errors.ContractError, "Execution"),
    ],
)
def test_a_bad_request_ends_in_one_line(world: World, event: Any, error: type[Exception], words: str) -> None:
    world.publish()
    with pytest.raises(error, match=words) as caught:
        world.call("resolve_request", event)
    assert "\n" not in str(caught.value)
    assert not [key for key in world.dynamodb.items if key[0].startswith("RUN#")]


def test_a_spec_below_todays_floor_does_not_run(world: World) -> None:
    world.publish(rollout__wait_seconds=0, rollout__alarms__error_count__period_seconds=60)
    with pytest.raises(errors.PolicyViolation, match=r"rollout.wait_seconds: spec has 0, policy wants at least 60"):
        world.call("resolve_request", _request())


def test_a_spec_that_was_tampered_with_does_not_run(world: World) -> None:
    published = world.publish()
    world.put("records", naming.spec_key(published.spec_digest), b"{}")
    with pytest.raises(errors.DigestMismatch, match=r"spec\.json: found sha256"):
        world.call("resolve_request", _request())


@pytest.mark.parametrize(("what", "key"), [("code", "sourcedir.tar.gz"), ("golden records", "golden.jsonl")])
def test_a_publication_that_lost_a_file_does_not_run(world: World, what: str, key: str) -> None:
    published = world.publish()
    world.s3.delete_object(Bucket=bucket("records"), Key=f"code/{published.code_digest}/{key}")
    with pytest.raises(errors.NotFound, match=f"{what}: found nothing at .*publish again"):
        world.call("resolve_request", _request())


# -- snapshot_data -----------------------------------------------------------------------------------------------------
def test_a_snapshot_pins_and_copies_every_object(world: World) -> None:
    # Given data with and without a checksum that S3 keeps, and a console folder
    run = world.resolved()
    world.put("data", PREFIX_OF_DATA + "a.csv", b"a", ChecksumAlgorithm="SHA256")
    world.put("data", PREFIX_OF_DATA + "sub/b.csv", b"bb")
    world.put("data", PREFIX_OF_DATA, b"")
    # When it is snapshotted
    answer = world.call("snapshot_data", {"run": run})
    # Then the manifest names each object's version and digest, and the copies are locked
    snapshot = answer["snapshot"]
    assert (answer["status"], snapshot["objects"], snapshot["bytes"]) == ("complete", 2, 3)
    manifest = json.loads(world.body(snapshot["manifest_uri"]))
    assert digests.sha256(world.body(snapshot["manifest_uri"])) == snapshot["digest"]
    assert [each["sha256"] for each in manifest["objects"]] == [digests.sha256(b"a"), digests.sha256(b"bb")]
    assert all(each["version_id"].startswith("v") for each in manifest["objects"])
    assert world.body(snapshot["data_uri"] + "sub/b.csv") == b"bb"
    for uri in (snapshot["manifest_uri"], snapshot["data_uri"] + "a.csv"):
        stored = world.store.stat(uri)
        assert stored is not None
        assert stored.held_until is not None


def test_a_snapshot_of_the_same_data_is_the_same(world: World) -> None:
    run = world.resolved()
    world.put_training()
    first = world.call("snapshot_data", {"run": run})
    second = world.call("snapshot_data", {"run": run})
    assert first == second
    assert len(world.s3.of("copy_object")) == 2


def test_only_what_s3_keeps_no_digest_of_is_read(world: World) -> None:
    run = world.resolved()
    world.put("data", PREFIX_OF_DATA + "a.csv", b"a", ChecksumAlgorithm="SHA256")
    world.put("data", PREFIX_OF_DATA + "b.csv", b"b")
    world.call("snapshot_data", {"run": run})
    read = [each["Key"] for each in world.s3.of("get_object") if each["Bucket"] == bucket("data")]
    assert read == [PREFIX_OF_DATA + "b.csv"]


def test_data_that_cannot_be_pinned_is_refused(world: World) -> None:
    run = world.resolved()
    with pytest.raises(errors.DataRefused, match="found no object, wanted the training data"):
        world.call("snapshot_data", {"run": run})
    world.put("data", PREFIX_OF_DATA + "a.csv", b"")
    with pytest.raises(errors.DataRefused, match=r"a\.csv: found an empty object"):
        world.call("snapshot_data", {"run": run})


def test_unversioned_data_is_refused(world: World) -> None:
    run = world.resolved()
    world.put_training()
    world.version(bucket("data"), "Suspended")
    with pytest.raises(errors.DataRefused, match=f"bucket {bucket('data')}: found no versioning"):
        world.call("snapshot_data", {"run": run})


@pytest.mark.parametrize("more", [{}, {"ChecksumAlgorithm": "SHA256"}])
def test_unreadable_data_is_refused(world: World, more: dict[str, str]) -> None:
    run = world.resolved()
    world.put("data", PREFIX_OF_DATA + "secret.csv", b"a", **more)
    world.s3.denied.add(PREFIX_OF_DATA + "secret.csv")
    with pytest.raises(errors.DataRefused, match=r"secret\.csv: found it unreadable"):
        world.call("snapshot_data", {"run": run})


def test_data_that_changes_meanwhile_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a writer that puts a new version while the first is hashed
    run = world.resolved()
    world.put_training("a.csv")
    before = world.s3.do_get_object

    def meddle(**request: Any) -> Any:
        if request["Bucket"] == bucket("data"):
            world.put("data", PREFIX_OF_DATA + "a.csv", b"newer")
        return before(**request)

    monkeypatch.setattr(world.s3, "do_get_object", meddle)
    # Then nothing is written
    with pytest.raises(errors.Changed, match=r"a\.csv has a new version"):
        world.call("snapshot_data", {"run": run})
    assert not [key for key in world.s3.buckets[bucket("records")].objects if key.startswith("snapshots/")]


def test_a_large_set_is_hashed_by_a_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given more bytes than the policy lets a function read
    run = world.resolved()
    world.put_training("a.csv", "b.csv")
    _floor(monkeypatch, snapshot__max_inline_bytes=10)
    # When it is snapshotted
    needed = world.call("snapshot_data", {"run": run})
    # Then a job is asked for
    assert needed["status"] == "hash_needed"
    assert needed["job"]["image_uri"] == IMAGE
    # And when the job has hashed, the snapshot stands
    listing = next(
        each["S3Input"]["S3Uri"]
        for each in needed["job"]["inputs"]
        if each["S3Input"]["S3Uri"].endswith("listing.json")
    )
    objects = json.loads(world.body(listing))["objects"]
    hashes = [
        {**each, "sha256": digests.sha256(world.body(naming.s3_uri(bucket("data"), each["key"])))} for each in objects
    ]
    name, key = naming.split_s3_uri(needed["hashes_uri"])
    world.s3.put_object(Bucket=name, Key=key, Body=json.dumps({"objects": hashes}).encode())
    done = world.call("snapshot_data", {"run": run, "hashes_uri": needed["hashes_uri"]})
    assert done["status"] == "complete"
    # And it is the one that the function alone would have made
    _floor(monkeypatch)
    assert world.call("snapshot_data", {"run": run}) == done


def test_a_large_set_that_changed_under_the_job_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.resolved()
    world.put_training("a.csv")
    _floor(monkeypatch, snapshot__max_inline_bytes=1)
    needed = world.call("snapshot_data", {"run": run})
    body = world.body(naming.s3_uri(bucket("data"), PREFIX_OF_DATA + "a.csv"))
    hashes = [{"key": PREFIX_OF_DATA + "a.csv", "sha256": digests.sha256(body), "bytes": len(body)}]
    name, key = naming.split_s3_uri(needed["hashes_uri"])
    world.s3.put_object(Bucket=name, Key=key, Body=json.dumps({"objects": hashes}).encode())
    world.put("data", PREFIX_OF_DATA + "a.csv", b"newer")
    with pytest.raises(errors.Changed, match="has a new version"):
        world.call("snapshot_data", {"run": run, "hashes_uri": needed["hashes_uri"]})


def test_a_hash_job_that_left_nothing_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.resolved()
    world.put_training("a.csv")
    _floor(monkeypatch, snapshot__max_inline_bytes=1)
    needed = world.call("snapshot_data", {"run": run})
    with pytest.raises(errors.NotFound, match=r"hashes\.json: found nothing there"):
        world.call("snapshot_data", {"run": run, "hashes_uri": needed["hashes_uri"]})


def _floor(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    from functions.snapshot_data import app

    monkeypatch.setattr(app, "policy", lambda: (samples.policy(**changes), "0" * 64))


# -- plan_training -----------------------------------------------------------------------------------------------------
def test_the_plan_brings_musters_code_along_once(world: World) -> None:
    run = world.resolved()
    snapshot = world.snapshotted(run)
    first = world.call("plan_training", {"run": run, "snapshot": snapshot})
    second = world.call("plan_training", {"run": run, "snapshot": snapshot})
    assert first == second
    code = next(each["S3Input"]["S3Uri"] for each in first["prepare"]["inputs"] if each["InputName"] == "muster")
    assert world.body(code + "evaluate.py") == b"evaluate"
    assert world.body(code + "muster_jobs/metrics.py") == b"metrics"
    assert len([each for each in world.s3.of("put_object") if each["Key"].startswith("jobs/")]) == 2
    assert first["training"]["spot"] is True


def test_a_warm_function_does_not_look_for_the_code_again(world: World) -> None:
    run = world.resolved()
    snapshot = world.snapshotted(run)
    world.call("plan_training", {"run": run, "snapshot": snapshot})
    looked = len(world.s3.of("head_object"))
    world.call("plan_training", {"run": run, "snapshot": snapshot})
    assert not [each for each in world.s3.of("head_object")[looked:] if each["Key"].startswith("jobs/")]


def test_a_plan_without_snapshot_is_refused(world: World) -> None:
    with pytest.raises(errors.ContractError, match="plan_training: snapshot: found nothing"):
        world.call("plan_training", {"run": world.resolved()})


# -- seal_artifact -----------------------------------------------------------------------------------------------------
def test_the_artifact_is_sealed_under_its_digest(world: World) -> None:
    trained = world.trained(weights=b"weights")["training"]
    digest = digests.sha256(b"weights")
    assert trained["artifact"]["digest"] == digest
    assert trained["artifact"]["uri"] == naming.s3_uri(bucket("records"), naming.artifact_key(digest))
    assert world.body(trained["artifact"]["uri"]) == b"weights"
    assert trained["training_job"]["spot"] is True
    assert (trained["training_job"]["seconds"], trained["training_job"]["billable_seconds"]) == (120, 60)
    assert trained["hyperparameters"] == {"max_depth": "3", "seed": "7"}


def test_sealing_again_changes_nothing(world: World) -> None:
    run = world.resolved()
    event = {"run": run, "snapshot": world.snapshotted(run), "training_job_name": world.train(run)}
    assert world.call("seal_artifact", event) == world.call("seal_artifact", event)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"TrainingJobStatus": "Failed", "FailureReason": "AlgorithmError: boom"},
            "found status Failed: AlgorithmError",
        ),
        ({"TrainingJobStatus": "Stopped"}, "found status Stopped, wanted Completed"),
        ({"ModelArtifacts": {}}, r"found no model.tar.gz at \(the job names none\)"),
        (
            {"ModelArtifacts": {"S3ModelArtifacts": "s3://muster-dev-work-123456789012/none"}},
            "found no model.tar.gz at",
        ),
    ],
)
def test_a_job_without_artifact_is_an_error(world: World, change: dict[str, Any], words: str) -> None:
    run = world.resolved()
    event = {"run": run, "snapshot": world.snapshotted(run), "training_job_name": world.train(run, **change)}
    with pytest.raises(errors.ArtifactMissing, match=words):
        world.call("seal_artifact", event)


def test_an_unknown_job_is_an_error(world: World) -> None:
    run = world.resolved()
    event = {"run": run, "snapshot": world.snapshotted(run), "training_job_name": "none"}
    with pytest.raises(errors.NotFound, match="found no job 'none'"):
        world.call("seal_artifact", event)


def test_throttling_that_survives_is_transient(world: World) -> None:
    run = world.resolved()
    event = {"run": run, "snapshot": world.snapshotted(run), "training_job_name": world.train(run)}
    world.sagemaker.fail("describe_training_job", fakes.error("ThrottlingException", "Rate exceeded"))
    with pytest.raises(errors.Transient, match="ThrottlingException: Rate exceeded; try again later"):
        world.call("seal_artifact", event)
