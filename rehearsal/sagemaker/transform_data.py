"""What a batch transform does with data: splits it into records, filters, batches, joins and assembles them.

Developer guide, "Associate Prediction Results with Input Records" (DataProcessing) and "Batch Transform"; API reference,
TransformInput, TransformOutput, DataProcessing. Filters are rehearsed for CSV, where a row is an array.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MEGABYTE = 1024 * 1024
_INDEXES = re.compile(r"\$\[(-?\d+(?:\s*,\s*-?\d+)*)\]")
_SLICE = re.compile(r"\$\[(-?\d*):(-?\d*)\]")


class BadRecord(Exception):
    """A record, or an answer, that the rules of the job cannot be applied to.

    Parameters
    ----------
    text
        For the data log.
    kind
        How the job's failure reason begins.
    """

    def __init__(self, text: str, kind: str = "ClientError") -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Filter:
    """A JSONPath on a row: ``$``, ``$[1]``, ``$[0,-1]``, ``$[1:]``, ``$[:-1]``.

    Attributes
    ----------
    text
        The path.
    indexes
        The places it selects; None for a slice.
    part
        The slice it selects.
    """

    text: str
    indexes: tuple[int, ...] | None
    part: slice

    @staticmethod
    def of(text: str) -> Filter:
        """Read a path.

        Raises
        ------
        ValueError
            For one that is not of these forms.
        """
        if text == "$":
            return Filter(text, None, slice(None))
        if found := _INDEXES.fullmatch(text):
            return Filter(text, tuple(int(each) for each in found[1].split(",")), slice(None))
        if found := _SLICE.fullmatch(text):
            return Filter(text, None, slice(*(int(each) if each else None for each in found.groups())))
        raise ValueError(text)

    @property
    def whole(self) -> bool:
        """Whether it selects everything, so that no row has to be read."""
        return self.text == "$"

    def of_row(self, row: list[str]) -> list[str]:
        """Return what it selects of a row.

        Raises
        ------
        BadRecord
            When the row has no such place.
        """
        if self.indexes is None:
            return row[self.part]
        try:
            return [row[index] for index in self.indexes]
        except IndexError:
            raise BadRecord(f"{self.text} selects a column that a row of {len(row)} columns does not have") from None


def fields(line: str) -> list[str]:
    """Return the fields of a CSV line."""
    if '"' not in line:
        return line.split(",")
    return next(csv.reader([line], strict=True), [])


def line_of(row: Iterable[str]) -> str:
    """Return a CSV line."""
    row = list(row)
    if not any(mark in cell for cell in row for mark in ',"\n\r'):
        return ",".join(row)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(row)
    return stream.getvalue()


def filtered(line: str, path: Filter) -> str:
    """Apply a filter to a CSV line.

    Raises
    ------
    BadRecord
        When it is no CSV, or lacks what the filter selects.
    """
    if path.whole:
        return line
    try:
        return line_of(path.of_row(fields(line)))
    except csv.Error as error:
        raise BadRecord(f"a record is no CSV: {error}") from None


def records(body: bytes) -> list[str]:
    """Split a text into lines; the end of the last line is no further record.

    Raises
    ------
    BadRecord
        When it is not UTF-8.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(f"the input is not UTF-8: {error}") from None
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def batches(lines: list[str], payload: int, single: bool) -> Iterator[list[str]]:
    """Yield mini-batches of records: one each, or as many as fit into `payload` bytes.

    Raises
    ------
    BadRecord
        When one record alone is larger.
    """
    batch: list[str] = []
    size = 0
    for line in lines:
        length = len(line.encode()) + 1
        if length - 1 > payload:
            raise BadRecord(f"a record has {length - 1} bytes; MaxPayloadInMB allows {payload}")
        if batch and (single or size + length > payload):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += length
    if batch:
        yield batch


def joined(inputs: list[str], answer: bytes, path: Filter) -> list[str]:
    """Append each line of an answer to its input, and apply the output filter.

    Raises
    ------
    BadRecord
        When the answer has another number of lines.
    """
    outputs = records(answer)
    if len(outputs) != len(inputs):
        raise BadRecord(
            f"the algorithm answered {len(inputs)} records with {len(outputs)} lines: they cannot be joined"
        )
    return [filtered(f"{given},{output}", path) for given, output in zip(inputs, outputs, strict=True)]


def assembled(answers: Iterable[bytes], by_line: bool) -> bytes:
    """Put the answers of all mini-batches of a file together, each on lines of its own or as they are."""
    if not by_line:
        return b"".join(answers)
    return b"".join(answer if answer.endswith(b"\n") else answer + b"\n" for answer in answers)
