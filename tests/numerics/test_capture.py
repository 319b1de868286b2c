"""Capture files: every form of record, and every way in which one can be broken."""

import base64
import gzip
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics import capture_lines
from muster_numerics.capture import Tally
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.payloads_numbers import number
from muster_numerics.poison import REASONS
from tests.numerics.capture_records import SCHEMA, Traffic, part, payload, read, read_lines, record

EXAMPLES = Path(__file__).parent / "formats"
NAMES, KINDS = tuple(each.name for each in SCHEMA.features), tuple(each.kind for each in SCHEMA.features)


def test_examples_of_sagemaker_s_records():
    # Given CSV, base64, JSON, and two rows with a missing value
    schema = CaptureSchema(
        tuple(Field(name) for name in ("birads", "age", "shape", "margin", "density")), (Field("score"),)
    )
    # When they are read
    found = read((EXAMPLES / "capture.jsonl").read_bytes(), schema=schema, named=True)
    # Then all rows are there, except the JSON answer's label, which the schema does not know
    assert found.features["age"] == [67, 67, 67, 43, 58]
    assert found.features["density"] == [3, 3, 3, None, 3]
    assert found.predictions["score"] == [0.9254181120544672, 0.92, 0.92, 0.11, 0.87]
    assert found.tally.extra == {"predicted_label": 1}
    assert (found.tally.records, found.tally.rows, found.tally.poisoned) == (4, 5, 0)
    assert found.ids[1] == ("case-000017", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")
    assert found.ids[0] == ("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",)


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        pytest.param("5,low,3", [(5, "low", 3)], id="no newline"),
        pytest.param("5,low,3\n", [(5, "low", 3)], id="newline"),
        pytest.param("5,low,3\r\n", [(5, "low", 3)], id="carriage return"),
        pytest.param("5,low,3\n6,high,4\n", [(5, "low", 3), (6, "high", 4)], id="two rows"),
        pytest.param("5,low,3\n\n6,high,4\n\n", [(5, "low", 3), (6, "high", 4)], id="empty lines"),
        pytest.param("age,density,margin\n5,low,3", [(5, "low", 3)], id="header"),
        pytest.param("margin,age,density\n3,5,low", [(5, "low", 3)], id="header in another order"),
        pytest.param("id,age,density,margin\n9,5,low,3", [(5, "low", 3)], id="header with an extra column"),
        pytest.param("age,density\n5,low", [(5, "low", None)], id="header without a column"),
        pytest.param('5,"low, or none",3', [(5, "low, or none", 3)], id="quotes"),
        pytest.param(",,", [(None, None, None)], id="all missing"),
        pytest.param("nan,low,inf", [(None, "low", float("inf"))], id="nan and inf"),
        pytest.param("old,low,3", [(None, "low", 3)], id="not a number"),
        pytest.param("5,très dense,3", [(5, "très dense", 3)], id="UTF-8"),
        pytest.param("5,12345678,3\n5,123456789,3", [(5, "12345678", 3), (5, "123456789", 3)], id="long words"),
        pytest.param(part('{"instances":[[5,"low",3]]}', "JSON"), [(5, "low", 3)], id="JSON instances"),
        pytest.param(part('{"age":5,"density":"low"}', "JSON"), [(5, "low", None)], id="JSON object"),
        pytest.param(part('[5,"low",3]', "JSON"), [(5, "low", 3)], id="JSON list"),
        pytest.param(part("[5,2.0,3]\n[6,true,4]", "JSON"), [(5, "2", 3), (6, "true", 4)], id="JSON lines"),
        pytest.param(part(base64.b64encode(b"5,low,3\n").decode(), "BASE64"), [(5, "low", 3)], id="base64"),
    ],
)
def test_forms_of_a_request(asked, rows):
    found = read_lines(record(asked, "\n".join("0.5" for _ in rows)))
    assert list(zip(*found.features.values(), strict=True)) == rows
    assert found.poison == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "not_json"),
        ('{"captureData":{"endpointInput":{"da', "not_json"),
        ("[1,2]", "not_a_capture_record"),
        ('{"eventVersion":"0"}', "not_a_capture_record"),
        pytest.param(record(part("[" * 9_999 + "]" * 9_999, "JSON")), "bad_payload", id="a deep payload"),
        pytest.param(f'{record("5,low,3")[:-1]},"more":{"[" * 9_999 + "]" * 9_999}}}', "not_json", id="a deep line"),
        (record("5,low,3", eventVersion="1"), "unknown_event_version"),
        (record("5,low,3", eventVersion=0), "not_a_capture_record"),
        (record(None), "no_input"),
        (record(part("5,low,3", "XML")), "unknown_encoding"),
        (record(part("***", "BASE64")), "not_base64"),
        (record(part(base64.b64encode(b"\xff\xfe").decode(), "BASE64")), "not_base64"),
        (record({"data": 5, "encoding": "CSV"}), "bad_payload"),
        (record({"data": {"a": "b"}, "encoding": "CSV"}), "bad_payload"),
        (record(part("{", "JSON")), "bad_payload"),
        (record(part('[[5,["low"],3]]', "JSON")), "bad_payload"),
        (record(part('{"other":1}', "JSON")), "bad_payload"),
        (record('5,"low,3'), "bad_payload"),
        (record(""), "empty_payload"),
        (record("\n"), "empty_payload"),
        (record("age,density,margin\n"), "empty_payload"),
        (record("5,low,3", ""), "empty_payload"),
        (record("5,low"), "wrong_field_count"),
        (record("5,low,3\n5,low,3,1", "1\n1"), "wrong_field_count"),
        (record(part("[[5]]", "JSON")), "wrong_field_count"),
        (record("5,low,3\n6,low,3", "0.5"), "row_count_differs"),
        (record("5,low,3", "0.5,0.6"), "row_count_differs"),
    ],
    ids=lambda value: value if value in REASONS else "",
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_poison_is_told_and_takes_nothing_with_it(line, reason, place):
    # Given a record that cannot be read before, between or after two that can
    lines = [record("1,a,1", "0.1"), record("2,b,2", "0.2")]
    lines.insert(place, line)
    # When they are read
    found = read_lines(*lines)
    # Then the two are there, and the third is in the quarantine with its line and reason
    assert found.features == {"age": [1, 2], "density": ["a", "b"], "margin": [1, 2]}
    assert found.predictions == {"score": [0.1, 0.2]}
    assert [(each.line, each.reason) for each in found.poison] == [(place + 1, reason)]
    assert found.poison[0].text == line[:2000]
    assert found.tally.poison == {reason: 1}
    assert reason in REASONS
    assert found.tally.poison_share == pytest.approx(1 / 3)


def test_an_answer_on_one_line_is_one_per_row():
    # Given the answer of SageMaker's XGBoost before 1.0: numbers of all rows on one line
    found = read_lines(record("1,a,1\n2,b,2", "0.1,0.2"))
    assert found.predictions == {"score": [0.1, 0.2]}


def test_a_record_without_an_answer_keeps_its_features():
    found = read_lines(record("1,a,1", None), record("2,b,2", "0.2"))
    assert found.features["age"] == [1, 2]
    assert found.predictions == {"score": [None, 0.2]}
    assert found.tally.without_answer == 1


def test_columns_that_differ_are_counted_by_rows():
    found = read_lines(record("id,age,density\n1,5,low\n2,6,low", "0.1\n0.2"), record("1,a,1"))
    assert found.tally.extra == {"id": 2}
    assert found.tally.absent == {"margin": 2}
    assert found.missing["margin"] == 2


def test_a_word_that_is_a_feature_s_name_is_no_header_further_on():
    found = read_lines(record("1,age,1\n2,margin,2", "0.1\n0.2"))
    assert found.features["density"] == ["age", "margin"]


def test_a_word_that_is_a_feature_s_name_makes_no_header_of_a_row_with_numbers():
    schema = CaptureSchema((Field("site", "word"), Field("age"), Field("density", "word")), (Field("score"),))
    found = read_lines(record("density,1,site"), record("a,2,age"), schema=schema)
    assert found.features == {"site": ["density", "a"], "age": [1, 2], "density": ["site", "age"]}


def test_tallies_of_parts_add_up_also_as_json():
    lines = [record("id,age,density\n1,5,low", "0.1"), record("1,a,1", None), "{", record("2,b,2"), record("3"), "{"]
    whole = read_lines(*lines).tally
    parts = (Tally.from_json(json.loads(json.dumps(read_lines(line).tally.as_json()))) for line in lines)
    assert sum(parts, Tally()) == whole
    assert (whole.records, whole.rows, whole.poison, whole.without_answer) == (
        3,
        3,
        {"not_json": 2, "wrong_field_count": 1},
        1,
    )


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("odd", [False, True])
def test_muster_s_own_requests_are_no_traffic(named, odd):
    # Given records of Muster itself, in a file of plain records or with one that is odd, and one that only speaks of it
    lines = [
        record("1,a,1", "0.1", event="e-1", inference="muster-golden-1"),
        record("2,b,2", "0.2", event="e-2"),
        record(part('[[3,"c",3]]', "JSON") if odd else "3,c,3", "0.3", event="e-3", inference="muster-nightly-2"),
        record("4,muster-d,4", "0.4", event="e-4", inference="not-muster-4"),
    ]
    # When they are read and Muster's own are to be passed over
    found = read_lines(*lines, named=named, skip="muster-")
    # Then they are counted apart, and their rows are nowhere
    assert found.features == {"age": [2, 4], "density": ["b", "muster-d"], "margin": [2, 4]}
    assert (found.tally.own, found.tally.records, found.tally.poisoned) == (2, 2, 0)
    assert found.ids == ([("e-2",), ("not-muster-4", "e-4")] if named else [])
    # And without being asked, nothing is passed over
    assert read_lines(*lines).tally.records == 4


def test_empty_lines_and_files_are_nothing():
    assert read(b"", b"\n\n", gzip.compress(b"")).tally == Tally()


def test_line_numbers_count_empty_lines():
    found = read(f"\n{record('1,a,1')}\n\nbroken\n".encode())
    assert [(each.line, each.source) for each in found.poison] == [(4, "file-0")]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_gzip_of_several_members(size):
    lines = [record(f"{number},a,1").encode() + b"\n" for number in range(20)]
    packed = gzip.compress(b"".join(lines[:9])) + gzip.compress(b"".join(lines[9:]))
    assert read(packed, block_bytes=size).features["age"] == list(range(20))


def test_a_damaged_gzip_gives_what_it_holds_and_is_poison():
    # Given a file whose end is lost
    lines = "".join(
        f"{record(f'{number},a,1', event=random.Random(number).randbytes(9).hex())}\n" for number in range(200)
    )
    packed = gzip.compress(lines.encode())
    # When it is read with another after it
    found = read(packed[:-900], f"{record('7,a,1')}\n".encode())
    # Then the lines before the damage and the other file are there
    ages = found.features["age"]
    assert ages == [*range(len(ages) - 1), 7.0]
    assert len(ages) > 50
    assert found.tally.poison["damaged_file"] == 1
    assert {each.source for each in found.poison} == {"file-0"}
    broken = packed[:100] + b"\0\0\0\0" + packed[104:]
    assert read(broken).tally.poison["damaged_file"] == 1


def test_a_line_without_end_is_poison_and_does_not_fill_the_memory(monkeypatch):
    # Given a file with a line that goes on, and another line after it
    monkeypatch.setattr(capture_lines, "LONGEST_LINE", 20_000)
    file = b"x" * 500_000 + f"\n{record('1,a,1')}\n".encode()
    # When it is read in small pieces
    longest = max(len(block) for block in capture_lines.blocks(io.BytesIO(file), 1000))
    found = read(file, block_bytes=1000)
    # Then little of the line is kept, it is poison, and the other is read
    assert longest < 25_000
    assert [(each.line, each.reason) for each in found.poison] == [(1, "not_json")]
    assert found.features["age"] == [1]


def test_controlled_fields_leave_no_text_in_the_quarantine():
    # Given a schema with a controlled field
    schema = CaptureSchema(SCHEMA.features, SCHEMA.predictions, controlled=frozenset({"density"}))
    # When poison is found
    found = read_lines("{secret", record("5,secret"), record(part('{"secret":1}', "JSON")), schema=schema)
    # Then nothing of it is kept but what it was and its digest
    assert "secret" not in json.dumps([each.as_json() for each in found.poison])
    assert [len(each.digest) for each in found.poison] == [64, 64, 64]


def test_extra_columns_are_kept_by_name_up_to_a_number():
    lines = [record(part(json.dumps({"age": 1, f"n{number}": 1}), "JSON")) for number in range(300)]
    assert len(read_lines(*lines, block_bytes=3000).tally.extra) == 64


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"features": ()}, "features is empty"),
        ({"features": (Field("a"), Field("a"))}, "'a' twice"),
        ({"features": (Field("prediction"),)}, "'prediction' twice"),
        ({"features": (Field("a", "colour"),)}, "'colour'"),
        ({"features": (Field(""),)}, "empty"),
        ({"content_type": "xml"}, "content_type is 'xml'"),
        ({"controlled": frozenset({"b"})}, "'b'"),
    ],
)
def test_a_broken_schema_is_refused(members, text):
    with pytest.raises(ValueError, match=text):
        CaptureSchema(**({"features": (Field("a"),)} | members))


CELLS = {
    "number": st.one_of(
        st.just(""),
        st.floats(allow_nan=False).map(repr),
        st.integers(-999, 999).map(str),
        st.sampled_from(["old", "1e3", "nan"]),
    ),
    "word": st.one_of(st.sampled_from(["", "low", "high", "a much longer word"]), st.text("ab,\"' é\\", max_size=10)),
}
ROW = st.tuples(*(CELLS[kind] for kind in KINDS)).map(list)
POISON = st.sampled_from([b"{", b"[]", b"\xff\xfe", b'{"a":"\xff"}', record("1,2").encode(), record(None).encode()])


@st.composite
def traffic(draw) -> Traffic:
    made, chance = Traffic(), random.Random(draw(st.integers(0, 10**6)))
    for rows in draw(st.lists(st.one_of(st.lists(ROW, min_size=1, max_size=4), POISON), max_size=25)):
        if isinstance(rows, bytes):
            made.poison.append(len(made.lines) + 1)
            made.lines.append(rows)
            continue
        scores = [[repr(chance.random())] for _ in rows]
        made.lines.append(
            record(payload(rows, NAMES, KINDS, chance), payload(scores, ("score",), ("number",), chance)).encode()
        )
        made.scores += [float(each) for (each,) in scores]
        for row in rows:
            cells = [
                number(cell) if kind == "number" and cell else cell or None
                for cell, kind in zip(row, KINDS, strict=True)
            ]
            made.unparsed += sum(
                cell not in ("", "nan") and value is None for cell, value in zip(row, cells, strict=True)
            )
            made.rows.append(tuple(None if cell != cell else cell for cell in cells))
    return made


@settings(max_examples=300, deadline=None)
@given(traffic(), st.integers(1, 4000), st.booleans(), st.booleans())
def test_any_records_in_any_chunks_give_their_rows(made, size, packed, ended):
    # Given records of every form with poison among them, in a file, packed or not
    # When it is read in chunks of any size
    found = read(made.file(packed=packed, ended=ended), block_bytes=size)
    # Then every row is there, in order and to the last bit, and every poison record is named
    assert list(zip(*found.features.values(), strict=True)) == made.rows
    assert found.predictions["score"] == made.scores
    assert [each.line for each in found.poison] == made.poison
    assert sum(found.unparsed.values()) == made.unparsed
    assert found.tally.rows == len(made.rows)


@settings(max_examples=200, deadline=None)
@given(traffic(), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=20), st.booleans())
def test_no_bytes_raise(made, changes, packed):
    # Given a file of which some bytes were changed
    content = bytearray(made.file(packed=packed, ended=True))
    for place, byte in changes:
        if content:
            content[place % len(content)] = byte
    # When it is read, Then every line is a record or poison, or empty
    found = read(bytes(content), named=True)
    if not packed:
        lines = [line for line in bytes(content).split(b"\n") if line.strip()]
        assert found.tally.records + found.tally.poisoned == len(lines)
    assert len(found.features["age"]) == found.tally.rows
    assert len(found.ids) == found.tally.records
