"""Training data counted chunk by chunk: as data in memory, whatever the chunks and files; kinds, controlled words, bad files."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics import table_rows
from muster_numerics.baseline import from_json, make_baseline, to_json
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.payloads_rows import columns_of_rows
from muster_numerics.redaction import Redaction, redacted
from muster_numerics.reference import fields
from muster_numerics.table_baseline import count_features
from muster_numerics.table_rows import Table, TableError

HEADER = ["id", "size", "colour", "label"]
KEY = b"k" * 32


def files(*tables, encoding="utf-8"):
    """Return CSV files of rows, the first of each its header."""
    found = []
    for number, rows in enumerate(tables):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        data = text.getvalue().encode(encoding)
        found.append((f"part{number}.csv", lambda data=data: io.BytesIO(data)))
    return found


def table(*tables, chunk_fields=table_rows.CHUNK_FIELDS, **options):
    return Table(files(*tables, **options), "id", "label", chunk_fields)


def counted(found, *, categorical=(), redaction=None, time_ordered=False):
    return count_features(found, categorical, redaction or Redaction(), time_ordered=time_ordered)


def rows_of(pairs):
    return [[f"r{number}", size, colour, "yes"] for number, (size, colour) in enumerate(pairs)]


sizes = st.one_of(st.just(""), st.integers(-9, 9).map(str), st.floats(-1e9, 1e9, allow_nan=False).map(repr))
colours = st.sampled_from(["", "red", "green", 'a "quoted", word', "ünı"])


@settings(deadline=None)
@given(st.lists(st.tuples(sizes, colours), min_size=1, max_size=60), st.integers(1, 12), st.integers(0, 60))
def test_chunks_and_files_give_the_baseline_of_the_data_in_memory(pairs, chunk, cut):
    pairs = [*pairs, ("1", "red")]  # a column without any value is one of numbers
    rows = rows_of(pairs)
    parts = [[HEADER, *part] for part in (rows[:cut], rows[cut:]) if part]
    found = counted(table(*parts, chunk_fields=chunk * len(HEADER)), time_ordered=True)
    named = [{"name": "size", "kind": "number"}, {"name": "colour", "kind": "word"}]
    assert found["features"] == named
    assert found["rows"] == len(rows)
    wanted = to_json(make_baseline(columns_of_rows([row[1:3] for row in rows], fields(named)), time_ordered=True))
    size = wanted["columns"]["size"]["counts"]
    for sums in ("total", "squares"):  # agree to their last digits; all counts are exact
        size[sums] = pytest.approx(size[sums], rel=1e-9, abs=1e-3)
    assert found["columns"] == wanted


def test_long_data_in_the_order_of_time_have_block_statistics():
    rng = np.random.default_rng(5)
    rows = rows_of((f"{value:.4f}", "red" if value > 0 else "green") for value in rng.normal(size=3000))
    found = from_json(counted(table([HEADER, *rows[:1700]], [HEADER, *rows[1700:]]), time_ordered=True)["columns"])
    blocks = found.columns["size"].blocks
    assert len(blocks) == 60
    assert {sum(block) for block in blocks} == {50}
    assert np.sum(blocks) == 3000
    assert found.columns["colour"].blocks[0][-1] == 0


def test_one_word_at_the_end_makes_a_column_of_words():
    # Given a column of numbers in all chunks but the last, and one that is said to be of names
    rows = [[f"r{number}", str(number % 7), str(number % 3), "yes"] for number in range(50)] + [["z", "n/a", "1", "no"]]
    found = counted(table([HEADER, *rows]), categorical=["colour"])
    assert counted(table([HEADER, *rows], chunk_fields=40), categorical=["colour"]) == found
    assert [each["kind"] for each in found["features"]] == ["word", "word"]
    size = found["columns"]["columns"]["size"]
    assert dict(zip(size["grid"]["levels"], size["counts"]["levels"], strict=True))["n/a"] == 1


def test_controlled_words_are_digests_and_the_same_in_every_chunk():
    rows = rows_of([("1", "north"), ("2", "south"), ("3", "north")])
    redaction = Redaction(frozenset({"colour", "label"}), KEY)
    found = counted(table([HEADER, *rows]), redaction=redaction)
    assert found["columns"]["columns"]["colour"]["grid"]["levels"] == [
        redaction.word("colour", "north"),
        redaction.word("colour", "south"),
    ]
    for word in ("north", "south"):
        assert word not in json.dumps(found)
    window = redacted({"colour": Categorical.of(["north"])}, redaction)["colour"]
    assert window.levels[0] in found["columns"]["columns"]["colour"]["grid"]["levels"]


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ([], "training data: found no file, wanted at least one CSV file"),
        ([[]], "part0.csv: found no header, wanted a CSV file"),
        ([[HEADER]], "part0.csv: found a header and no row, wanted training data"),
        (
            [[HEADER, ["a", "1", "red", "y"]], [["id", "size", "label"], ["a", "1", "y"]]],
            "part1.csv: header: found a difference in colour, wanted the columns of part0.csv in their order",
        ),
        (
            [[HEADER, ["a", "1", "red", "y"]], [["id", "colour", "size", "label"], ["a", "red", "1", "y"]]],
            "part1.csv: header: found another order, wanted the columns of part0.csv in their order",
        ),
        (
            [[["id", "size", "size", "label"]]],
            "part0.csv: header: found the name 'size' twice or empty, wanted names",
        ),
        ([[["id", "", "label"]]], "part0.csv: header: found the name '' twice or empty, wanted names"),
        (
            [[["id", "size"], ["a", "1"]]],
            "part0.csv: header: found no column 'label', wanted row id and target of the spec",
        ),
        (
            [[["id", "label"], ["a", "1"]]],
            "part0.csv: header: found row id and target only, wanted at least one feature",
        ),
        (
            [[HEADER, ["a", "1", "red", "y"], ["b", "2", "y"]]],
            "part0.csv, line 3: found 3 fields, wanted 4",
        ),
    ],
)
def test_files_that_are_no_table_are_told_in_one_line(parts, line):
    with pytest.raises(TableError) as caught:
        counted(table(*parts))
    assert str(caught.value) == line


def test_bytes_that_are_no_text_are_told_by_their_place():
    with pytest.raises(TableError, match=r"part0.csv, line 1: found no CSV in UTF-8"):
        counted(table([HEADER, ["a", "1", "röt", "y"]], encoding="latin-1"))


def test_a_misspelt_controlled_or_categorical_column_is_refused():
    found = table([HEADER, ["a", "1", "red", "y"]])
    with pytest.raises(TableError, match=r"capture.controlled_fields: found 'color', wanted columns of the training"):
        counted(found, redaction=Redaction(frozenset({"color"}), KEY))
    with pytest.raises(TableError, match=r"monitoring.categorical: found 'label', wanted columns of the training data"):
        counted(found, categorical=["label"])


def test_a_file_that_changes_between_the_passes_is_noticed():
    first = files([HEADER, ["a", "1", "red", "y"]])[0][1]
    second = files([HEADER, ["a", "1", "red", "y"], ["b", "2", "red", "n"]])[0][1]
    openers = iter([first, first, second])
    with pytest.raises(TableError, match="found 2 rows, and 1 a moment ago: they have changed"):
        counted(Table([("part.csv", lambda: next(openers)())], "id", "label"))


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (["1", "", "nan"], 2),
        (["1e3", "-inf", " 2"], 0),
        (["", ""], 2),
        (["1_0", "2"], None),
        (["a"], None),
        (["٣"], None),
    ],
)
def test_numbers_are_those_of_captured_fields(values, missing):
    found = table_rows.numbers_of(values)
    assert (found.missing if isinstance(found, Numeric) else None) == missing
