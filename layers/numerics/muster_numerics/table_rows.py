"""Training data as columns: CSV files with a header, read in chunks, so that memory does not depend on their size.

A column holds words if one of its values is neither a number nor empty, or if it is said to; else numbers. That is
decided over all rows, and once: traffic is read by what was found.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from muster_numerics.columns import Categorical, Columns, Numeric
from muster_numerics.payloads_numbers import number

CHUNK_FIELDS = 400_000
"""Fields of a chunk: 30 MB as Python's texts, however wide the rows are."""

Opener = Callable[[], BinaryIO]


class TableError(ValueError):
    """The files are no table; the text is one line that says where and why."""


@dataclass(frozen=True)
class Table:
    """CSV files with the same header, in their order.

    Attributes
    ----------
    files
        Name and opener of each; they are opened more than once.
    row_id, target
        Columns that are no features. Each file has to have them.
    chunk_fields
        How many fields are read at once, at least one row.
    """

    files: Sequence[tuple[str, Opener]]
    row_id: str
    target: str
    chunk_fields: int = CHUNK_FIELDS

    def features(self) -> tuple[str, ...]:
        """Return the names of the other columns, in the order of the files.

        Raises
        ------
        TableError
            If the files' headers differ, name a column twice or none, or lack row id or target.
        """
        headers = {name: self._header(name, opener) for name, opener in self.files}
        if not headers:
            raise TableError("training data: found no file, wanted at least one CSV file")
        (first, header), *others = headers.items()
        for name, other in others:
            if other != header:
                differing = sorted(set(header) ^ set(other))
                found = f"a difference in {', '.join(differing)}" if differing else "another order"
                raise TableError(f"{name}: header: found {found}, wanted the columns of {first} in their order")
        for column in (self.row_id, self.target):
            if column not in header:
                raise TableError(f"{first}: header: found no column {column!r}, wanted row id and target of the spec")
        twice = sorted({each for each in header if header.count(each) > 1 or not each})
        if twice:
            raise TableError(f"{first}: header: found the name {twice[0]!r} twice or empty, wanted names")
        kept = tuple(each for each in header if each not in (self.row_id, self.target))
        if not kept:
            raise TableError(f"{first}: header: found row id and target only, wanted at least one feature")
        return kept

    def _header(self, name: str, opener: Opener) -> list[str]:
        return next(self._rows(name, opener))[1]

    def chunks(self) -> Iterator["Rows"]:
        """Yield the rows, file after file, a chunk at a time.

        Raises
        ------
        TableError
            Names the line that has another number of fields than the header, or is no text.
        """
        first_row = 0
        for name, opener in self.files:
            rows = self._rows(name, opener)
            header = next(rows)[1]
            most = max(1, self.chunk_fields // len(header))
            chunk: list[list[str]] = []
            for line, row in rows:
                if len(row) != len(header):
                    raise TableError(f"{name}, line {line}: found {len(row)} fields, wanted {len(header)}")
                chunk.append(row)
                if len(chunk) == most:
                    yield Rows(header, chunk, first_row)
                    first_row += len(chunk)
                    chunk = []
            if chunk:
                yield Rows(header, chunk, first_row)
                first_row += len(chunk)

    @staticmethod
    def _rows(name: str, opener: Opener) -> Iterator[tuple[int, list[str]]]:
        """Yield line number and fields, the header first; empty lines are no rows."""
        with opener() as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            reader, found = csv.reader(text, strict=True), False
            try:
                for row in reader:
                    if row:
                        found = True
                        yield reader.line_num, row
            except (csv.Error, UnicodeDecodeError) as error:
                raise TableError(f"{name}, line {reader.line_num + 1}: found no CSV in UTF-8 ({error})") from error
            if not found:
                raise TableError(f"{name}: found no header, wanted a CSV file")


@dataclass(frozen=True)
class Rows:
    """Rows of one file.

    Attributes
    ----------
    header
        The file's columns.
    rows
        Fields as text, as many as the header has.
    first_row
        The number of the first one among all rows of the table, from 0.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    first_row: int

    def columns(self, features: Sequence[str], words: set[str]) -> tuple[Columns, set[str]]:
        """Return the features' columns.

        Parameters
        ----------
        features
            Which columns.
        words
            Those of them that hold words.

        Returns
        -------
        columns : dict
            By name; without those that were taken for numbers and are none.
        none : set of str
            The names of these.
        """
        by_name = dict(zip(self.header, zip(*self.rows, strict=True), strict=True))
        columns: Columns = {}
        none: set[str] = set()
        for name in features:
            values = by_name[name]
            if name in words:
                columns[name] = Categorical.of(values)
                continue
            numbers = numbers_of(values)
            if numbers is None:
                none.add(name)
            else:
                columns[name] = numbers
        return columns, none


def numbers_of(values: Sequence[str]) -> Numeric | None:
    """Return values as numbers, empty ones as missing; None if one is neither. Numbers are those of captured fields."""
    together = "".join(values)
    if "_" not in together and together.isascii():  # which `float` takes for digits and `number` does not
        try:
            return Numeric.of(
                np.array([each or "nan" for each in values] if "" in values else values, dtype=np.float64)
            )
        except ValueError:
            return None
    if any(each and number(each) is None for each in values):
        return None
    return Numeric.of(np.array([float(each or "nan") for each in values]))
