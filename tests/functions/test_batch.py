"""stage_batch and publish_batch, with the functions between them that count and judge."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from muster import digests, errors, naming
from muster.aws import batches as adapter
from muster.aws.batches import BatchFiles
from muster.aws.ledger_batches import Batches
from muster.batch import QUIET
from muster.contracts.base import iso, parse
from muster.contracts.batch import BatchLineage
from tests.functions.batch_world import BELOW, HEADER, BatchWorld, numbered
from tests.functions.fake_storage import FakeS3
from tests.functions.world import MODEL, World, bucket, execution

DAY = f"{BELOW}day.csv"


@pytest.fixture
def batches(world: World) -> BatchWorld:
    return BatchWorld(world)


def _table(world: World, uri: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(world.body(uri).decode())))


# -- the way of a batch ------------------------------------------------------------------------------------------------
def test_a_batch_is_staged_predicted_judged_and_published(batches: BatchWorld, world: World) -> None:
    # Given 300 rows like those of the training data
    data = numbered(300, 1)
    batches.put("day.csv", data)
    # When the workflow takes them
    staged = batches.stage(prefix=DAY)
    (part,) = batches.keys("work", naming.split_s3_uri(staged["transform"]["input_uri"])[1])
    assert world.body(naming.s3_uri(bucket("work"), part)).decode().splitlines()[0] == ",".join(map(str, data[0]))
    assert staged["transform"]["model_name"] == batches.plan_of_deployment["model_request"]["ModelName"]
    done = batches.infer(prefix=DAY)
    # Then every row has its answer under its id, in the order of the file, ...
    assert (done["outcome"], done["verdict"], done["rows"]) == ("published", "none", 300)
    header, *answers = _table(world, done["predictions_uri"])
    assert header == ["row_id", "prediction"]
    assert [row[0] for row in answers] == [row[0] for row in data]
    # ... the lineage names what it was made of, ...
    lineage = parse(BatchLineage, json.loads(world.body(done["batch_uri"])))
    (read,) = lineage.inputs
    assert read.sha256 == digests.sha256(world.body(naming.s3_uri(bucket("data"), DAY)))
    assert (read.key, read.version_id, read.rows) == (DAY, _version(world, DAY), 300)
    assert lineage.predictions is not None
    assert lineage.predictions.sha256 == digests.sha256(world.body(done["predictions_uri"]))
    assert (lineage.package_arn, lineage.transform_job) == (batches.package_arn, f"{staged['run']}-batch-0")
    assert lineage.evidence_uri.startswith(f"s3://{bucket('evidence')}/monitoring/{MODEL}/")
    # ... and the ledger its place.
    (record,) = Batches(world.ledger).history(MODEL)
    assert (record.outcome, record.batch_uri, record.inputs_digest) == (
        "published",
        done["batch_uri"],
        staged["inputs_digest"],
    )


def _version(world: World, key: str) -> str:
    return world.s3.buckets[bucket("data")].objects[key][-1].version_id


@pytest.mark.parametrize(("on_drift", "outcome"), [("flag", "flagged"), ("withhold", "withheld")])
def test_on_drift_the_spec_says_what_becomes_of_the_predictions(world: World, on_drift: str, outcome: str) -> None:
    # Given a batch of rows that have moved by two standard deviations
    batches = BatchWorld(world, on_drift=on_drift)
    batches.put("day.csv", numbered(300, 1, shift=4.0))
    # When it is taken
    done = batches.infer(prefix=DAY)
    # Then it is flagged, or kept back where the job left it
    assert (done["outcome"], done["verdict"]) == (outcome, "drift")
    lineage = json.loads(world.body(done["batch_uri"]))
    below = batches.keys("data", naming.predictions_prefix(MODEL, done["run"]))
    if outcome == "withheld":
        assert (done["predictions_uri"], lineage["predictions"]) == (None, None)
        assert [key.rpartition("/")[2] for key in below] == ["batch.json"]
        assert batches.keys("work", naming.split_s3_uri(lineage["withheld_uri"])[1])
    else:
        assert lineage["withheld_uri"] is None
        assert len(_table(world, done["predictions_uri"])) == 301
    assert any("size" in reason for reason in done["reasons"])


def test_a_batch_that_is_too_small_to_judge_is_published_and_says_so(batches: BatchWorld) -> None:
    batches.put("day.csv", numbered(30, 1))
    done = batches.infer(prefix=DAY)
    assert (done["outcome"], done["verdict"]) == ("published", "insufficient")
    assert "could not be judged" in done["reasons"][0]


def test_a_step_done_twice_changes_nothing(batches: BatchWorld, world: World) -> None:
    batches.put("day.csv", numbered(200, 1))
    assert batches.stage(prefix=DAY) == batches.stage(prefix=DAY)
    first, again = batches.infer(prefix=DAY), batches.infer(prefix=DAY)
    assert first == again
    assert len(Batches(world.ledger).history(MODEL)) == 1
    work = world.s3.buckets[bucket("work")].objects
    assert all(len(versions) == 1 for key, versions in work.items() if key.startswith("batches/"))


def test_labels_in_a_batch_are_left_out(batches: BatchWorld, world: World) -> None:
    # Given a file with the target among its columns, and the row id at the end
    data = [(size, "benign", site, name) for name, size, site in numbered(3, 1)]
    batches.put("day.csv", data, ("size", "diagnosis", "site", "sample_id"))
    staged = batches.stage(prefix=DAY)
    (part,) = batches.keys("work", naming.split_s3_uri(staged["transform"]["input_uri"])[1])
    lines = world.body(naming.s3_uri(bucket("work"), part)).decode().splitlines()
    assert lines == [",".join(map(str, row)) for row in numbered(3, 1)]


def test_a_large_batch_is_staged_and_counted_in_parts(batches: BatchWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given parts of a kilobyte, and two files in a folder
    monkeypatch.setattr("muster.batch_files.PART_BYTES", 1024)
    data = numbered(400, 1)
    batches.put("day/a.csv", data[:250])
    batches.put("day/b.csv", data[250:])
    # When the folder is a batch
    staged = batches.stage(prefix=f"{BELOW}day/")
    parts = batches.keys("work", naming.split_s3_uri(staged["transform"]["input_uri"])[1])
    done = batches.infer(prefix=f"{BELOW}day/")
    # Then its rows come back in their order
    assert len(parts) > 3
    assert [row[0] for row in _table(batches.world, done["predictions_uri"])[1:]] == [row[0] for row in data]


# -- which batch -------------------------------------------------------------------------------------------------------
def test_the_same_inputs_are_predicted_again_by_another_model_only(batches: BatchWorld, world: World) -> None:
    batches.put("day.csv", numbered(200, 1))
    done = batches.infer(prefix=DAY)
    again = batches.stage("two", prefix=DAY)
    assert again["status"] == "nothing_new"
    assert done["run"] in again["reason"]
    assert done["batch_uri"] in again["reason"]
    # A new version of the object is another batch,
    batches.put("day.csv", numbered(200, 2))
    assert batches.stage("three", prefix=DAY)["status"] == "ready"
    # and a new model another answer.
    batches.infer("four", prefix=DAY)
    world.later(days=1)
    batches.deploy("next", b"other weights")
    assert batches.stage("five", prefix=DAY)["status"] == "ready"


def test_without_a_prefix_the_next_untried_batch_is_taken_once(batches: BatchWorld, world: World) -> None:
    # Given two batches, one of which cannot be read, and one that is still growing
    batches.put("a.csv", [], ("wrong",))
    batches.put("b/one.csv", numbered(200, 1))
    batches.put("c.csv", numbered(200, 2))
    world.s3.buckets[bucket("data")].objects[f"{BELOW}c.csv"][-1].modified = world.now - QUIET + timedelta(seconds=1)
    # When a schedule comes round, then each is tried once, in order of the names
    with pytest.raises(errors.DataRefused, match=r"a\.csv: header"):
        batches.stage("one")
    found = batches.stage("two")
    assert (found["status"], found["prefix"]) == ("ready", f"{BELOW}b/")
    assert batches.stage("two") == found
    later = batches.stage("three")
    assert later["status"] == "nothing_new"
    assert "1 that grew in the last 15 minutes" in later["reason"]
    world.later(hours=1)
    assert batches.stage("four")["prefix"] == f"{BELOW}c.csv"
    assert batches.stage("five")["status"] == "nothing_new"
    # By its name the first may be tried again.
    with pytest.raises(errors.DataRefused):
        batches.stage("six", prefix=f"{BELOW}a.csv")


def test_two_that_begin_at_once_do_not_take_the_same_batch(batches: BatchWorld, world: World) -> None:
    # Given an execution that marks the batch just after this one has looked
    batches.put("a.csv", numbered(200, 1))
    ledger, begin = Batches(world.ledger), Batches.begin
    other = naming.run_id(execution("batch_inference", "other")["arn"])

    def meanwhile(self: Batches, model: str, digest: str, run: str, at: Any, *, first: bool) -> bool:
        assert begin(ledger, model, digest, other, at, first=True)
        return begin(self, model, digest, run, at, first=first)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Batches, "begin", meanwhile)
        found = batches.stage("one")
    assert found["status"] == "nothing_new"
    assert "another execution has begun" in found["reason"]


# -- what is refused ---------------------------------------------------------------------------------------------------
def test_what_serves_nothing_predicts_nothing(world: World) -> None:
    event = {"request": {"model": MODEL}, "execution": {**execution("batch_inference"), "started_at": world.at}}
    found = world.call("stage_batch", event)
    assert (found["status"], found["watched"]) == ("refused", None)
    assert "found no endpoint that serves it" in found["reason"]


def test_a_model_that_may_not_serve_does_not_predict(batches: BatchWorld, world: World) -> None:
    batches.put("day.csv", numbered(200, 1))
    world.answer(batches.package_arn, "Rejected")
    found = batches.stage(prefix=DAY)
    assert found["status"] == "refused"
    assert "found Rejected in the registry" in found["reason"]
    # Nothing was begun: when it may again, the next execution takes it.
    assert Batches(world.ledger).tried(MODEL, "nobody") == set()


def test_a_model_without_a_baseline_is_refused(world: World) -> None:
    batches = BatchWorld(world, with_baseline=False)
    batches.put("day.csv", numbered(200, 1))
    found = batches.stage(prefix=DAY)
    assert found["status"] == "refused"
    assert "found no baseline" in found["reason"]


def test_a_model_that_sagemaker_has_lost_is_refused(batches: BatchWorld, world: World) -> None:
    batches.put("day.csv", numbered(200, 1))
    world.sagemaker.models.clear()
    assert "SageMaker model" in batches.stage(prefix=DAY)["reason"]
    world.sagemaker.configs.clear()
    assert "endpoint configuration" in batches.stage("two", prefix=DAY)["reason"]


ROWS = numbered(3, 1)


@pytest.mark.parametrize(
    ("header", "data", "more", "words"),
    [
        (("sample_id", "size"), [("a", 1)], "", "header: found no column 'site', wanted sample_id and the 2 columns"),
        ((*HEADER, "age"), [(*ROWS[0], 4)], "", "header: found unknown column 'age'"),
        (("sample_id", "site", "size"), ROWS, "", "found 'site' where 'size' was wanted: the columns have to be in"),
        (("sample_id", "size", "site", "site"), [(*ROWS[0], "b")], "", "header: found 'site' twice"),
        (HEADER, [*ROWS, ("d", 1)], "", "row 4: found 2 fields, wanted 3 as in the header"),
        (HEADER, [("a", 1, "x\ny")], "", "line 2: found a line break inside a field"),
        (HEADER, [], "", "found no row below the header"),
        (HEADER, ROWS, 'e,1,"b', "line 5: found no CSV"),
        ((), [], "", "found an empty object|header: found no column"),
    ],
)
def test_a_file_that_is_no_batch_is_refused_in_one_line(
    batches: BatchWorld, header: Any, data: Any, more: str, words: str
) -> None:
    batches.put("day.csv", data, header, more=more)
    with pytest.raises(errors.DataRefused, match=words) as caught:
        batches.stage(prefix=DAY)
    assert "\n" not in str(caught.value)
    assert not batches.keys("work", "batches/")


def test_bytes_that_are_no_text_are_refused(batches: BatchWorld, world: World) -> None:
    world.put("data", DAY, b"\x1f\x8b\x08\x00compressed")
    with pytest.raises(errors.DataRefused, match="found bytes that are not UTF-8, wanted plain CSV"):
        batches.stage(prefix=DAY)


@pytest.mark.parametrize(
    ("prefix", "error", "words"),
    [
        ("raw/other/batch/x.csv", errors.ContractError, f"wanted a folder or an object below {BELOW}"),
        (f"{BELOW}../training/part1.csv", errors.ContractError, "wanted a folder or an object below"),
        (f"{BELOW}day", errors.DataRefused, "found no object.*or a folder: its prefix ends with /"),
        (f"{BELOW}none/", errors.DataRefused, "found no object, wanted the batch's CSV files there$"),
        (f"{BELOW}empty.csv", errors.DataRefused, "found an empty object"),
        ("", errors.ContractError, "prefix"),
        (3, errors.ContractError, "prefix: found 3, wanted text"),
    ],
)
def test_a_prefix_that_is_no_batch_is_refused(
    batches: BatchWorld, world: World, prefix: Any, error: type[Exception], words: str
) -> None:
    batches.put("day.csv", ROWS)
    world.put("data", f"{BELOW}empty.csv", b"")
    with pytest.raises(error, match=words):
        batches.stage(prefix=prefix)


def test_data_without_versions_are_refused(batches: BatchWorld, world: World) -> None:
    batches.put("day.csv", ROWS)
    world.version(bucket("data"), "Suspended")
    with pytest.raises(errors.DataRefused, match="found no versioning"):
        batches.stage(prefix=DAY)
    batches.put("day.csv", ROWS)
    with pytest.raises(errors.DataRefused, match="found no version id"):
        batches.stage("two", prefix=DAY)


def test_more_than_the_policy_allows_is_refused(batches: BatchWorld, world: World) -> None:
    key = batches.put("day.csv", ROWS)
    body = world.s3.buckets[bucket("data")].objects[key][-1]

    class Huge(bytes):
        def __len__(self) -> int:
            return 2**31

    body.body = Huge(body.body)
    with pytest.raises(errors.DataRefused, match=r"policy.yaml allows at most 1073741824 \(monitoring.input_bytes\)"):
        batches.stage(prefix=DAY)


# -- the answers -------------------------------------------------------------------------------------------------------
def test_a_job_that_left_a_part_out_is_found(batches: BatchWorld, world: World) -> None:
    batches.put("day.csv", numbered(200, 1))
    staged = batches.stage(prefix=DAY)
    with pytest.raises(errors.DataRefused, match=r"00001\.csv\.out: found no object with a version"):
        batches.collect(staged)
    with pytest.raises(errors.ContractError, match="found nothing_new, wanted ready"):
        batches.collect({**staged, "status": "nothing_new", "watched": None})


@pytest.mark.parametrize(
    ("answer", "words"),
    [("0.1,0.9", "row 1: found 2 predictions, wanted 1"), (None, "found answers to 199 rows, wanted 200")],
)
def test_predictions_that_are_not_complete_are_not_published(
    batches: BatchWorld, world: World, answer: str | None, words: str
) -> None:
    # Given a model that answers otherwise than its baseline, or a row that is lost
    batches.put("day.csv", numbered(200, 1))
    staged = batches.stage(prefix=DAY)
    batches.transform(staged, answer)
    if answer is None:
        (key,) = batches.keys("work", "transforms/")
        lines = world.body(naming.s3_uri(bucket("work"), key)).splitlines(keepends=True)
        world.put("work", key, b"".join(lines[:-1]))
    plan = batches.collect(staged)
    batches.sketch(plan)
    event = {"plan": plan, "quality": None, "sample": None, "execution": execution("batch_inference")}
    found = world.call("assess_window", {**event, "started_at": iso(world.now)})
    # When they are to be published, then they are refused and nothing is left of the upload
    with pytest.raises(errors.DataRefused, match=words):
        batches.publish(staged, plan, found)
    assert not batches.keys("data", "predictions/")
    assert not world.s3.uploads


@pytest.mark.xdist_group("moto")
@pytest.mark.parametrize("kind", ["moto", "fake"])
@pytest.mark.parametrize("size", [0, 5, 20 * 1024**2])
def test_a_file_of_any_size_is_written_in_parts(kind: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = [data[start : start + 700_001] for start in range(0, len(data), 700_001)]
    with mock_aws():
        s3: Any = boto3.client("s3") if kind == "moto" else FakeS3()
        s3.create_bucket(Bucket="place", CreateBucketConfiguration={"LocationConstraint": "us-gov-west-1"})
        s3.put_bucket_versioning(Bucket="place", VersioningConfiguration={"Status": "Enabled"})
        written = BatchFiles(s3).upload("s3://place/a/b.csv", pieces, "text/csv")
        assert s3.get_object(Bucket="place", Key="a/b.csv", VersionId=written.version_id)["Body"].read() == data
        assert (written.sha256, written.bytes) == (digests.sha256(data), size)

        def broken() -> Any:
            yield b"x" * (adapter._PART_BYTES + 1)
            raise ValueError("the reader broke")

        with pytest.raises(ValueError, match="broke"):
            BatchFiles(s3).upload("s3://place/c.csv", broken(), "text/csv")
        listed = s3.list_object_versions(Bucket="place", Prefix="c").get("Versions", [])
        assert listed == []
