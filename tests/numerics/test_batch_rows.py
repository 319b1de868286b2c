"""Outputs of a transform job as columns."""

import gzip
import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster_numerics.batch_rows import read_rows
from muster_numerics.capture import Batch, Tally
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.poison import Poison

SCHEMA = CaptureSchema((Field("size"), Field("site", "word"), Field("age")), (Field("prediction"),))
Kept = list[Poison]


def _read(*files: bytes, schema: CaptureSchema = SCHEMA, **options: int | bool) -> tuple[list[Batch], Kept]:
    kept: Kept = []
    named = [(f"{number}.csv.out", io.BytesIO(data)) for number, data in enumerate(files)]
    return list(read_rows(named, schema, kept.append, **options)), kept  # type: ignore[arg-type]


def _values(batches: list[Batch], name: str) -> list[float | str | None]:
    found: list[float | str | None] = []
    for batch in batches:
        column = (batch.features | batch.predictions)[name]
        found += column.values.tolist() if isinstance(column, Numeric) else column.values
    return found


def test_row_id_features_and_prediction_are_told_apart() -> None:
    # Given an output with empty fields, quotes, and a word where a number should be
    data = b'1,1.5,a,2,0.9\n2,,"b, b",3,0.8\r\n3,x,,1e2,0.5\n4,1,"say ""hi""",7,0.1\n'
    # When it is read
    (batch,), kept = _read(data, named=True)
    # Then the columns are the schema's, and the id is in none of them
    assert kept == []
    assert (list(batch.features), list(batch.predictions)) == (["size", "site", "age"], ["prediction"])
    np.testing.assert_equal(batch.features["size"].values, [1.5, np.nan, np.nan, 1.0])
    size, site = batch.features["size"], batch.features["site"]
    assert isinstance(size, Numeric)
    assert isinstance(site, Categorical)
    assert (size.missing, size.unparsed) == (1, 1)
    assert site.values == ["a", "b, b", None, 'say "hi"']
    assert batch.features["age"].values.tolist() == [2.0, 3.0, 100.0, 7.0]
    assert batch.predictions["prediction"].values.tolist() == [0.9, 0.8, 0.5, 0.1]
    assert batch.ids == (("1",), ("2",), ("3",), ("4",))
    assert batch.tally == Tally(records=4, rows=4)
    assert batch.record.tolist() == [0, 1, 2, 3]


def test_a_line_that_is_no_row_is_set_aside_and_takes_no_other_with_it() -> None:
    data = b'1,1,a,1,0.1\n2,2,b,2\n\n"3,3,c,3,0.3\n4,4,d,4,0.4,0.6\n5,5,e,5,0.5\n'
    batches, kept = _read(data)
    assert _values(batches, "site") == ["a", "e"]
    assert [(each.source, each.line, each.reason) for each in kept] == [
        ("0.csv.out", 2, "wrong_field_count"),
        ("0.csv.out", 4, "bad_payload"),
        ("0.csv.out", 5, "wrong_field_count"),
    ]
    assert kept[0].text == "2,2,b,2"
    tally = sum((each.tally for each in batches), Tally())
    assert (tally.rows, tally.poisoned) == (2, 3)


def test_nothing_of_a_bad_line_is_kept_when_a_field_is_controlled() -> None:
    schema = CaptureSchema(SCHEMA.features, SCHEMA.predictions, controlled=frozenset({"site"}))
    _, (poison,) = _read(b"1,secret\n", schema=schema)
    assert poison.text == ""
    assert "secret" not in str(poison.as_json())


def test_a_row_whose_id_looks_like_a_header_is_a_row() -> None:
    batches, kept = _read(b"row_id,x,a,x,x\n1,1,a,1,0.1\n")
    assert (len(_values(batches, "site")), kept) == (2, [])


def test_a_damaged_file_is_poison_and_the_next_is_read() -> None:
    damaged = gzip.compress(b"1,1,a,1,0.1\n" * 5)[:-9]
    batches, kept = _read(damaged, b"2,2,b,2,0.2\n")
    assert _values(batches, "site")[-1] == "b"
    assert [(each.line, each.reason, each.text) for each in kept] == [(0, "damaged_file", "")]


@pytest.mark.parametrize("data", [b"", b"\n\n"])
def test_nothing_is_no_row(data: bytes) -> None:
    batches, kept = _read(data)
    assert (sum((each.tally for each in batches), Tally()), kept) == (Tally(), [])


_FIELD = st.text(st.sampled_from('ab ",.1\\'), max_size=4)


@given(st.lists(st.tuples(_FIELD, st.floats(-1e6, 1e6), _FIELD, st.floats(0, 1)), max_size=12), st.integers(1, 200))
def test_every_cut_of_the_file_gives_the_rows_of_the_whole(
    rows: list[tuple[str, float, str, float]], block_bytes: int
) -> None:
    """Blocks of any size; fields with quotes, commas and backslashes."""
    quoted = ['"' + text.replace('"', '""') + '"' for row in rows for text in (row[0], row[2])]
    lines = [f"{quoted[2 * n]},{size!r},{quoted[2 * n + 1]},{n},{p!r}\n" for n, (_, size, _, p) in enumerate(rows)]
    batches, kept = _read("".join(lines).encode(), block_bytes=block_bytes, named=True)
    assert kept == []
    assert _values(batches, "size") == [row[1] for row in rows]
    assert _values(batches, "site") == [row[2] or None for row in rows]
    assert _values(batches, "prediction") == [row[3] for row in rows]
    ids = list(itertools.chain.from_iterable(each.ids for each in batches))
    assert [each for each, row in zip(ids, rows, strict=True) if row[0]] == [(row[0],) for row in rows if row[0]]
