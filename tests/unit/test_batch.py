"""Batch inference: which objects are a batch, its files, and what becomes of its predictions."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from hypothesis import given
from hypothesis import strategies as st

from muster import batch, batch_files
from muster.contracts.base import parse
from muster.contracts.batch import ArrivedObject, BatchRequest
from muster.contracts.spec_monitoring import TRANSFORM_FAMILIES, BatchSpec
from muster.errors import ContractError, DataRefused
from tests.unit.samples import NOW

BELOW = "raw/tumour/batch/"


def _arrived(key: str, minutes: float = 60, **more: Any) -> ArrivedObject:
    facts = {"version_id": "v1", "bytes": 10, "modified": NOW - timedelta(minutes=minutes), **more}
    return ArrivedObject(key=BELOW + key, **facts)


# -- what is a batch ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("prefix", "wanted"), [(None, BELOW), (f"{BELOW}x/", f"{BELOW}x/"), (f"{BELOW}x.csv", None)])
def test_a_batch_is_below_the_models_own_prefix(prefix: str | None, wanted: str | None) -> None:
    assert batch.prefix_of(BatchRequest(model="tumour", prefix=prefix)) == (wanted or prefix)


@pytest.mark.parametrize(
    "prefix", ["raw/tumour/training/", "raw/tumours/batch/x", "x", f"{BELOW}../x", f"{BELOW}a/./b"]
)
def test_what_is_elsewhere_is_refused(prefix: str) -> None:
    with pytest.raises(ContractError, match=f"wanted a folder or an object below {BELOW}"):
        batch.prefix_of(BatchRequest(model="tumour", prefix=prefix))


def test_a_key_is_one_object_and_a_folder_all_of_it() -> None:
    listed = [_arrived("a/2.csv"), _arrived("a/1.csv"), _arrived("a/1.csv.old")]
    assert [each.key for each in batch.select("b", f"{BELOW}a/", listed, 100)] == [
        f"{BELOW}a/1.csv",
        f"{BELOW}a/1.csv.old",
        f"{BELOW}a/2.csv",
    ]
    assert [each.key for each in batch.select("b", f"{BELOW}a/1.csv", listed, 100)] == [f"{BELOW}a/1.csv"]


def test_too_much_is_refused() -> None:
    with pytest.raises(DataRefused, match="found 1001 objects, wanted at most 1000"):
        batch.select("b", BELOW, [_arrived(str(number)) for number in range(1001)], 10**6)
    with pytest.raises(DataRefused, match="found 20 bytes, policy.yaml allows at most 19"):
        batch.select("b", BELOW, [_arrived("a"), _arrived("b")], 19)


def test_a_batch_is_named_by_keys_and_versions_alone() -> None:
    one = [_arrived("a"), _arrived("b")]
    assert batch.inputs_digest(one) == batch.inputs_digest([_arrived("a", 5), _arrived("b", 7)])
    assert batch.inputs_digest(one) != batch.inputs_digest([_arrived("a"), _arrived("b", version_id="v2")])
    assert batch.inputs_digest(one) != batch.inputs_digest(one[:1])


def test_the_first_untried_batch_is_due_when_it_is_quiet() -> None:
    # Given an object, a folder that grows, and a folder
    listed = [_arrived("a.csv"), _arrived("b/1.csv"), _arrived("b/2.csv", 14), _arrived("c/d/1.csv")]
    digest = batch.inputs_digest(listed[:1])
    # Then the first of them is due, and after it the one that is at rest
    assert batch.due("tumour", listed, set(), NOW) == (f"{BELOW}a.csv", (listed[0],))
    assert batch.due("tumour", listed, {digest}, NOW) == (f"{BELOW}c/", (listed[3],))
    tried = {digest, batch.inputs_digest(listed[3:])}
    assert batch.due("tumour", listed, tried, NOW) == (
        f"{BELOW}: found no batch that was not tried before; 1 that grew in the last 15 minutes are left alone"
    )
    assert batch.due("tumour", listed, tried, NOW + timedelta(minutes=1)) == (f"{BELOW}b/", tuple(listed[1:3]))
    assert batch.due("tumour", [], set(), NOW) == f"{BELOW}: found no batch that was not tried before"


def test_a_batch_stands_for_the_time_since_its_first_object_came() -> None:
    window = batch.window_of([_arrived("a", 5), _arrived("b", 60)], NOW)
    assert (window.start, window.end) == (NOW - timedelta(minutes=60), NOW)
    ahead = batch.window_of([_arrived("a", -5)], NOW)
    assert ahead.end > ahead.start == NOW + timedelta(minutes=5)


# -- what becomes of it ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("verdict", ["none", "warn", "insufficient", "suspected", "drift", "inconclusive"])
@pytest.mark.parametrize("on_drift", ["flag", "withhold"])
def test_doubtful_predictions_are_flagged_or_withheld(verdict: Any, on_drift: Any) -> None:
    doubtful = verdict in ("suspected", "drift", "inconclusive")
    wanted = {"flag": "flagged", "withhold": "withheld"}[on_drift] if doubtful else "published"
    assert batch.conclude(on_drift, verdict) == wanted


@pytest.mark.parametrize("name", ["ml.t3.medium", "ml.r5.large", "ml.g4dn.xlarge"])
def test_a_batch_runs_on_what_transform_jobs_know(name: str) -> None:
    with pytest.raises(ContractError, match=f"found {name}, wanted one that transform jobs run on: ml.c4.*, ml.c5"):
        parse(BatchSpec, {"instance_type": name})
    known = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    enum = known.shape_for("TransformInstanceType").enum
    assert set(TRANSFORM_FAMILIES) <= {each.split(".")[1] for each in enum}
    assert parse(BatchSpec, {"instance_type": "ml.m5.xlarge"}).instance_type == "ml.m5.xlarge"


# -- files -------------------------------------------------------------------------------------------------------------
TEXTS = st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]), max_size=6)


@given(
    st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=8), st.integers(1, 40), st.sampled_from(["\n", "\r\n"])
)
def test_rows_come_back_from_any_pieces(table: list[list[str]], size: int, ending: str) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=ending).writerows(table)
    data = text.getvalue().encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert list(batch_files.rows("x", pieces)) == table


def test_parts_hold_all_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_files, "PART_BYTES", 30)
    table = [[str(number), "x" * (number % 7)] for number in range(50)]
    parts = list(batch_files.parts(table))
    assert len(parts) > 10
    assert all(0 < len(part) < 50 for part in parts)
    assert list(batch_files.rows("x", parts)) == table
    assert list(batch_files.parts([])) == []


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert list(batch_files.rows("x", [b"\xef\xbb", b"\xbfid,a\n", b"1,2"])) == [["id", "a"], ["1", "2"]]


def test_the_order_of_a_files_rows() -> None:
    order = batch_files.row_order("x", ["label", "a", "id", "b"], "id", ["a", "b"], "label")
    assert order == (2, 1, 3)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (["id", "a"], "found no column 'b'"),
        (["a", "b"], "found no column 'id'"),
        (["id", "a", "b", "c", "d", "e", "f"], "found unknown column 'c', 'd', 'e' and 1 more"),
        (["id", "b", "a"], "found 'b' where 'a' was wanted"),
        (["id", "a", "b", "a"], "found 'a' twice"),
        ([], "found no column 'id', 'a', 'b'"),
    ],
)
def test_another_header_is_refused(header: list[str], words: str) -> None:
    with pytest.raises(DataRefused, match=words) as caught:
        batch_files.row_order("s3://b/x.csv", header, "id", ["a", "b"], "label")
    assert str(caught.value).startswith("s3://b/x.csv: header: ")
