"""Batch files, row by row in flat memory: from CSV with a header to what a transform job reads, and from its output back.

A transform job gets rows without a header, the row id first (its InputFilter keeps that from the model), and gives each
row back with the predictions at its end (JoinSource Input). It splits files at line breaks, whether quoted or not
("Batch transform does not support CSV-formatted input that contains embedded newline characters", developer guide), so
such a field is refused here.
"""

import codecs
import csv
import hashlib
import io
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from muster.contracts.batch import ArrivedObject, BatchInput
from muster.errors import DataRefused

PART_BYTES = 16 * 1024**2
"""Size at which a staged file is closed and the next begins: each is held in memory once, and is one SageMaker input."""


def row_order(name: str, header: Sequence[str], row_id: str, features: Sequence[str], target: str) -> tuple[int, ...]:
    """Return where in a file's rows the row id and then the features are. A column of labels is left out.

    Raises
    ------
    DataRefused
        A column is missing, unknown, there twice, or the features are in another order than the model was trained for.
    """
    wanted = [row_id, *features]
    twice = sorted({column for column in header if header.count(column) > 1})
    missing = [column for column in wanted if column not in header]
    extra = [column for column in header if column not in wanted and column != target]
    for what, columns in (("twice", twice), ("no", missing), ("unknown", extra)):
        if columns:
            found = f"{_some(columns)} twice" if what == "twice" else f"{what} column {_some(columns)}"
            raise DataRefused(
                f"{name}: header: found {found}, wanted {row_id} and the {len(features)} columns that the model was "
                "trained for"
            )
    given = [column for column in header if column in features]
    for found_here, wanted_here in zip(given, features, strict=True):
        if found_here != wanted_here:
            raise DataRefused(
                f"{name}: header: found {found_here!r} where {wanted_here!r} was wanted: the columns have to be in the "
                "order of the training data"
            )
    return tuple(header.index(column) for column in wanted)


def _some(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    return ", ".join(repr(column[:64]) for column in columns[:3]) + more


def rows(name: str, chunks: Iterable[bytes]) -> Iterator[list[str]]:
    """Yield the rows of a CSV file, the header among them; empty lines are passed over.

    Raises
    ------
    DataRefused
        It is not UTF-8 or not CSV, or a field has a line break in it.
    """
    reader = csv.reader(_lines(chunks), strict=True)
    before = 0
    try:
        for row in reader:
            if reader.line_num > before + 1:
                raise DataRefused(
                    f"{name}, line {before + 1}: found a line break inside a field, wanted one row per line: a "
                    "transform job splits files at line breaks"
                )
            before = reader.line_num
            if row:
                yield row
    except csv.Error as error:
        raise DataRefused(
            f"{name}, line {reader.line_num}: found no CSV ({error}), wanted CSV with a header"
        ) from error
    except UnicodeDecodeError as error:
        raise DataRefused(
            f"{name}, after line {reader.line_num}: found bytes that are not UTF-8, wanted plain CSV in UTF-8"
        ) from error


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8-sig")().decode
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decode(chunk)).split("\n")
        for line in whole:
            yield line + "\n"
    rest += decode(b"", True)
    if rest:
        yield rest


@dataclass
class Source:
    """One object of a batch, counted while it is read.

    Attributes
    ----------
    listed
        What was pinned.
    chunks
        Its bytes.
    rows, sha256
        What was found; complete when `staged` has been read to its end.
    """

    listed: ArrivedObject
    chunks: Iterable[bytes]
    rows: int = 0
    sha256: str = ""

    def staged(self, name: str, row_id: str, features: Sequence[str], target: str) -> Iterator[Sequence[str]]:
        """Yield row id and features of each row.

        Raises
        ------
        DataRefused
            The header or a row is not what was wanted.
        """
        state = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for chunk in self.chunks:
                state.update(chunk)
                yield chunk

        found = rows(name, hashed())
        header = next(found, [])
        in_order = operator.itemgetter(*row_order(name, header, row_id, features, target))
        width = len(header)
        for row in found:
            if len(row) != width:
                raise DataRefused(
                    f"{name}, row {self.rows + 1}: found {len(row)} fields, wanted {width} as in the header"
                )
            self.rows += 1
            yield in_order(row)
        self.sha256 = state.hexdigest()

    def read(self) -> BatchInput:
        """Return what was read."""
        listed = self.listed
        return BatchInput(
            key=listed.key, version_id=listed.version_id, bytes=listed.bytes, sha256=self.sha256, rows=self.rows
        )


def parts(of_rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """Yield CSV files of about `PART_BYTES`, none of them empty, that together hold the rows in their order."""
    text, writer = _writer()
    for row in of_rows:
        writer.writerow(row)
        if text.tell() >= PART_BYTES:
            yield text.getvalue().encode()
            text, writer = _writer()
    if text.tell():
        yield text.getvalue().encode()


def _writer() -> tuple[io.StringIO, Any]:
    text = io.StringIO()
    return text, csv.writer(text, lineterminator="\n")


# -- the output --------------------------------------------------------------------------------------------------------
def answers(
    outputs: Iterable[tuple[str, Iterable[bytes]]], features: int, predictions: Sequence[str], wanted: int
) -> Iterator[Sequence[str]]:
    """Yield a header, and then row id and predictions of each row of a transform job's outputs.

    Parameters
    ----------
    outputs
        Name and bytes of each output, in the order of the parts.
    features
        How many fields stand between row id and predictions.
    wanted
        Rows that were staged.

    Raises
    ------
    DataRefused
        The model gave a row not as many predictions as its baseline has, or rows are missing.
    """
    width, count = 1 + features + len(predictions), 0
    yield ("row_id", *predictions)
    for name, chunks in outputs:
        for number, row in enumerate(rows(name, chunks), start=1):
            if len(row) != width:
                raise DataRefused(
                    f"{name}, row {number}: found {max(len(row) - 1 - features, 0)} predictions, wanted "
                    f"{len(predictions)} as in the model's baseline"
                )
            count += 1
            yield (row[0], *row[1 + features :])
    if count != wanted:
        raise DataRefused(f"transform job: found answers to {count} rows, wanted {wanted}: every row that was staged")
