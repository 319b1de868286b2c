"""Labels that come later, and the answers they belong to."""

import gzip
import io
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.capture import read_capture
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.ground_truth import (
    Judged,
    Labels,
    ids_in,
    join,
    labels_by_line,
    plain_labels,
    read_labels,
)
from muster_numerics.poison import Poison
from tests.numerics.capture_records import SCHEMA, record

EXAMPLES = Path(__file__).parent / "formats"


def label(name: str, data: str, **members) -> str:
    whole = {
        "groundTruthData": {"data": data, "encoding": "CSV"},
        "eventMetadata": {"eventId": name},
        "eventVersion": "0",
    }
    return json.dumps(whole | members)


def labels_in(*files: list[str], poison: list[Poison] | None = None, masked: bool = False) -> Labels:
    named = [(f"truth-{n}", io.BytesIO("\n".join(lines).encode())) for n, lines in enumerate(files)]
    return read_labels(named, (poison if poison is not None else []).append, masked=masked)


def judged(records: list[str], labels: Labels, *, named: bool = True, facets: tuple[str, ...] = ()) -> Judged:
    file = io.BytesIO("".join(f"{line}\n" for line in records).encode())
    return join(read_capture([("file", file)], SCHEMA, [].append, named=named, block_bytes=600), labels, facets)


def test_example_of_model_monitor_s_record():
    assert labels_in((EXAMPLES / "ground_truth.jsonl").read_text().splitlines()).by_id == {"case-000017": ("1",)}


def test_inference_id_is_tried_before_event_id():
    # Given one answer with both ids, one with SageMaker's alone, and one that is labelled by SageMaker's although it has both
    records = [
        record("1,a,1", "0.1", event="e-1", inference="case-1"),
        record("2,b,2", "0.2", event="e-2"),
        record("3,c,3", "0.3", event="e-3", inference="case-3"),
    ]
    labels = labels_in([label("case-1", "yes"), label("e-1", "no"), label("e-2", "no"), label("e-3", "yes")])
    # When they are joined, Then the caller's id wins where it is known
    found = judged(records, labels, facets=("density", "age"))
    assert found.truth == ("yes", "no", "yes")
    assert found.predicted.tolist() == [[0.1], [0.2], [0.3]]
    assert found.facets["density"].values == ["a", "b", "c"]
    assert found.facets["age"].values == ["1", "2", "3"]


def test_what_cannot_be_judged_is_counted():
    records = [
        record("1,a,1\n2,b,2", "0.1\n0.2", event="e-1"),
        record("3,c,3\n4,d,4", "0.3\n0.4", event="e-2"),
        record("5,e,5", None, event="e-3"),
        record("6,f,6", "0.6", event="e-4"),
    ]
    found = judged(
        records, labels_in([label("e-1", "yes\nno\n"), label("e-2", "yes"), label("e-3", "no"), label("e-9", "no")])
    )
    assert found.truth == ("yes", "no")
    assert (found.rows, found.missing, found.mismatched, found.unanswered) == (6, 1, 2, 1)


def test_late_labels_complete_the_window():
    # Given a window of which half is labelled
    records = [record(f"{n},a,1", "0.5", event=f"e-{n}") for n in range(4)]
    early, late = [label("e-0", "yes"), label("e-1", "no")], [label("e-2", "no"), label("e-3", "yes")]
    assert judged(records, labels_in(early)).missing == 2
    # When the rest comes, and the first half once more, Then all is judged, and nothing twice
    found = judged(records, labels_in(early, late, early))
    assert (found.truth, found.missing) == (("yes", "no", "no", "yes"), 0)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("01")), max_size=8), st.data())
def test_repeated_files_change_nothing(pairs, data):
    # Given files of labels that do not contradict each other, in any order and any number of times
    lines = [label(name, f"{name}{value}"[:1]) for name, value in pairs]
    again = data.draw(st.permutations(lines * 2))
    # Then the labels are the same, and none has changed
    assert labels_in(again).by_id == labels_in(lines).by_id
    assert labels_in(again).changed == set()


def test_a_corrected_label_holds_and_is_told():
    labels = labels_in([label("e-1", "yes")], [label("e-1", "no")])
    assert (labels.by_id, labels.changed) == ({"e-1": ("no",)}, {"e-1"})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not_json"),
        pytest.param("[" * 100_000, "not_json", id="deep"),
        ("[]", "not_a_capture_record"),
        (label("", "1"), "not_a_capture_record"),
        (label("e", "1", groundTruthData={"data": 1, "encoding": "CSV"}), "not_a_capture_record"),
        (label("e", "1", eventVersion="7"), "unknown_event_version"),
        (label("e", "1", groundTruthData={"data": "1", "encoding": "JSON"}), "unknown_encoding"),
        (label("e", ""), "empty_payload"),
        (label("e", "1\n\n0"), "empty_payload"),
        (label("e", "1,0"), "wrong_field_count"),
    ],
)
def test_poison_is_counted_and_kept_apart(line, reason):
    poison: list[Poison] = []
    labels = labels_in([label("a", "1"), "", line, label("b", ' "0" ')], poison=poison)
    assert labels.by_id == {"a": ("1",), "b": ("0",)}
    assert [(each.line, each.reason, each.text) for each in poison] == [(3, reason, line[:2000])]
    assert labels.poison == {reason: 1}


def test_controlled_labels_leave_no_text():
    poison: list[Poison] = []
    labels_in(["{secret"], poison=poison, masked=True)
    assert "secret" not in json.dumps([each.as_json() for each in poison])


def test_damaged_gzip_is_poison():
    packed = gzip.compress(("\n".join(label(f"e-{n}", "1") for n in range(500))).encode())
    labels = read_labels([("truth", io.BytesIO(packed[:-200]))], [].append, masked=False)
    assert labels.poison["damaged_file"] == 1
    assert len(labels.by_id) > 50


def test_batches_without_ids_are_refused():
    with pytest.raises(ValueError, match="named=True"):
        judged([record("1,a,1")], labels_in([]), named=False)


def test_a_prediction_that_is_a_word_is_refused():
    schema = CaptureSchema(SCHEMA.features, (Field("label", "word"),))
    batches = read_capture([("file", io.BytesIO(record("1,a,1").encode()))], schema, [].append, named=True)
    with pytest.raises(ValueError, match="prediction label is a word"):
        join(batches, labels_in([]))


def test_nothing_at_all():
    found = join(iter(()), labels_in([]))
    assert (found.truth, found.rows, len(found.predicted)) == ((), 0, 0)


def test_rows_of_a_long_request_keep_their_order_over_chunks():
    rows = [f"{n},a,1" for n in range(50)]
    records = [
        record("\n".join(part), "\n".join("0.5" for _ in part), event=f"e-{i}")
        for i, part in enumerate(itertools.batched(rows, 7))
    ]
    labels = labels_in(
        [
            label(f"e-{i}", "\n".join(row.split(",")[0] for row in part))
            for i, part in enumerate(itertools.batched(rows, 7))
        ]
    )
    assert judged(records, labels).truth == tuple(str(n) for n in range(50))


# -- of many labels those of one window --------------------------------------------------------------------------------
@settings(deadline=None)
@given(st.lists(st.integers(0, 30), max_size=40), st.sets(st.integers(0, 30), max_size=30))
def test_wanted_labels_give_what_all_labels_give(labelled, asked):
    # Given labels of more requests than the window's, some of them twice
    records = [record(f"{n},a,1", "0.5", event=f"e-{n}", inference=f"c-{n}" if n % 3 else None) for n in sorted(asked)]
    lines = [label(f"{'c' if n % 2 else 'e'}-{n}", f"{n % 5}") for n in labelled]
    capture = "".join(f"{line}\n" for line in records).encode()
    wanted = ids_in([("file", io.BytesIO(capture))])
    # When only those of the window's ids are kept
    kept = read_labels([("truth", io.BytesIO("\n".join(lines).encode()))], [].append, masked=False, wanted=wanted)
    every = labels_in(lines)
    # Then the window is judged alike, and no other label is in memory
    found, whole = judged(records, kept), judged(records, every)
    assert (found.truth, found.missing) == (whole.truth, whole.missing)
    assert kept.records == every.records == len(lines)
    assert {name for name in kept.by_id if int(name[2:]) not in asked} == set()


def test_ids_are_read_of_every_record_that_has_some():
    lines = [
        record("1,a,1", event="e-1", inference="case-1"),
        "{broken",
        record("1,a,1", None, event="e-2"),
        record("1,a,1", event="e-3", inference="muster-golden"),
    ]
    wanted = ids_in([("file", io.BytesIO(gzip.compress("\n".join(lines).encode())))], skip="muster-")
    assert wanted.among(["e-1", "case-1", "e-2", "e-3", "muster-golden", "other"]) == [True] * 3 + [False] * 3
    assert len(ids_in([])) == 0
    assert ids_in([]).among(["e-1"]) == [False]


def test_a_capture_file_that_breaks_off_still_gives_ids():
    packed = gzip.compress("\n".join(record("1,a,1", event=f"e-{n}") for n in range(4000)).encode())
    wanted = ids_in([("broken", io.BytesIO(packed[:-20])), ("whole", io.BytesIO(record("1,a,1", event="x").encode()))])
    assert wanted.among(["e-0", "x"]) == [True, True]


ODD_LABELS = st.sampled_from(
    [label("e-1", "yes"), label("e-2", '"no"\nyes\n'), label("", "yes"), label("e-3", "a,b"), label("e-4", " "), "", "{", "{}",
     label("e-5", "1", eventVersion="1"), label("e-6", "0.5"), label("e-7", "1")[:-1], "[]", label("e-8", 1)]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(ODD_LABELS, max_size=6))
def test_reading_at_once_is_reading_line_by_line(lines):
    block = "\n".join(lines).encode()
    read, faults = labels_by_line(block.split(b"\n"))
    at_once = plain_labels(block)
    assert (at_once is None) == bool(faults)
    if at_once is not None:
        assert at_once == read
