"""One payload at a time: CSV with headers and quotes, and the JSON layouts of SageMaker's containers.

Slower than `payloads_table` and for what that leaves: it says why a payload cannot be read.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from muster_numerics.capture_schema import Field
from muster_numerics.counts import LONGEST_WORD
from muster_numerics.payloads_numbers import number
from muster_numerics.poison import PayloadError

Row = list[Any]
"""One row's values in the schema's order: text from CSV, whatever JSON holds from JSON, None where there is none."""
ROWS_KEYS = ("instances", "predictions", "inputs", "outputs", "data")
"""Members of a JSON object that hold the rows ("Common data formats for inference", developer guide)."""
ROW_KEYS = ("features", "values")
"""Members of a row's object that hold its values in order."""


class ColumnNews:
    """Columns that rows named and the schema does not know, and those that they lacked, with the number of rows."""

    def __init__(self) -> None:
        self.extra: Counter[str] = Counter()
        self.absent: Counter[str] = Counter()

    def compare(self, names: Sequence[str], fields: Sequence[Field], rows: int) -> None:
        """Count the differences between the names that some rows have and the schema's."""
        wanted = [field.name for field in fields]
        self.extra.update({name[:LONGEST_WORD]: rows for name in names if name not in wanted})
        self.absent.update({name: rows for name in wanted if name not in names})


def rows_of_csv(text: str, fields: Sequence[Field], news: ColumnNews) -> list[Row]:
    """Return the rows of a CSV payload.

    If the first line is a header, columns are taken by name, in any order, with more or fewer of them.

    Raises
    ------
    PayloadError
        If it has no row, or a row of another length.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise PayloadError("bad_payload", "the CSV has an open quote, text after one, or a huge field") from error
    header = None
    if rows and is_header(rows[0], fields):
        header, *rows = rows
    if not rows:
        raise PayloadError("empty_payload", "no row" if header is None else "a header and no row")
    wanted = len(fields) if header is None else len(header)
    for line, row in enumerate(rows, start=1):
        if len(row) != wanted:
            raise PayloadError("wrong_field_count", f"row {line} has {len(row)} fields, wanted {wanted}")
    if header is None:
        return [list(row) for row in rows]
    news.compare(header, fields, len(rows))
    place = {name: index for index, name in enumerate(header)}
    return [[row[place[field.name]] if field.name in place else None for field in fields] for row in rows]


def is_header(row: Sequence[str], fields: Sequence[Field]) -> bool:
    """Return whether a first line is a header: names at an end, or among more or fewer fields, and no number."""
    names = {field.name for field in fields}
    likely = row[0] in names or row[-1] in names or (len(row) != len(fields) and not names.isdisjoint(row))
    return likely and all(number(each) is None for each in row)


def rows_of_json(text: str, fields: Sequence[Field], news: ColumnNews) -> list[Row]:
    """Return the rows of a JSON payload, or of one JSON text per line.

    Raises
    ------
    PayloadError
        If it is not JSON, of a layout that is not known, has no row, or a row of another length.
    """
    try:
        found = [msgspec.json.decode(text)]
    except (msgspec.DecodeError, RecursionError):
        try:
            found = msgspec.json.Decoder().decode_lines(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise PayloadError("bad_payload", f"{len(text)} characters that are not JSON") from error
    rows = [row for document in found for row in listed(document, fields)]
    if not rows:
        raise PayloadError("empty_payload", "no row")
    return [ordered(row, line, fields, news) for line, row in enumerate(rows, start=1)]


def listed(document: object, fields: Sequence[Field]) -> list[Any]:
    """Return the rows of a JSON document: under a member, in a list, or the document itself."""
    if isinstance(document, dict):
        for key in ROWS_KEYS:
            if isinstance(document.get(key), list):
                return listed(document[key], fields)
        return [document]
    if not isinstance(document, list):
        return [[document]]
    if document and not any(isinstance(each, (list, dict)) for each in document):
        return [[each] for each in document] if len(fields) == 1 else [document]
    return document


def ordered(row: object, line: int, fields: Sequence[Field], news: ColumnNews) -> Row:
    """Return a row's values in the schema's order."""
    if isinstance(row, dict):
        for key in ROW_KEYS:
            if isinstance(row.get(key), list):
                return ordered(row[key], line, fields, news)
        if not any(field.name in row for field in fields):
            raise PayloadError("bad_payload", f"row {line} is an object without any of the schema's names")
        news.compare(list(row), fields, 1)
        return ordered([row.get(field.name) for field in fields], line, fields, news)
    if not isinstance(row, list):
        row = [row]
    if not {list, dict}.isdisjoint(map(type, row)):
        raise PayloadError("bad_payload", f"row {line} holds a list or an object where a value was wanted")
    if len(row) != len(fields):
        raise PayloadError("wrong_field_count", f"row {line} has {len(row)} fields, wanted {len(fields)}")
    return row


def answers_of_csv(text: str, fields: Sequence[Field], news: ColumnNews) -> list[Row]:
    """Return the rows of an answer in CSV, as `rows_of_csv` does.

    Some containers give one number per row all on one line ("0.11,0.87", SageMaker's XGBoost before 1.0).
    """
    line = text.strip()
    if len(fields) == 1 and "\n" not in line and '"' not in line:
        text = line.replace(",", "\n")
    return rows_of_csv(text, fields, news)
