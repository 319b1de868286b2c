"""What a transform job was asked and answered: its outputs as columns, in flat memory, as `capture` reads an endpoint's.

A line holds a row id, the features and the predictions (``JoinSource`` Input of CreateTransformJob), without a header.
Nothing in the data raises: a line that cannot be read goes to the quarantine with its reason and is counted.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from muster_numerics.capture import Batch, Tally, nothing
from muster_numerics.capture_lines import BLOCK_BYTES, ByteSource, DamagedFile, blocks
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.columns import Columns
from muster_numerics.payloads import Row
from muster_numerics.payloads_rows import Order, columns_of_rows, joined
from muster_numerics.payloads_table import Table, columns_of, tabulate
from muster_numerics.poison import Fault, PayloadError, Quarantine, set_aside

ROW_ID = Field("row_id", "word")


def read_rows(
    files: Iterable[tuple[str, ByteSource]],
    schema: CaptureSchema,
    quarantine: Quarantine,
    *,
    named: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Batch]:
    """Read the outputs of a transform job block by block; a record is a row.

    Parameters
    ----------
    files
        Name and content of each.
    schema
        The fields of a row between its id and its end.
    quarantine
        Takes every line that cannot be read, before the batch of its block is given.
    named
        Whether to keep the row ids.
    block_bytes
        How much to read at once.
    """
    for source, file in files:
        first_line = 1
        given = blocks(file, block_bytes)
        while True:
            try:
                block = next(given, None)
            except DamagedFile as error:
                quarantine(set_aside(source, 0, Fault(0, "damaged_file", str(error)), b"", masked=True))
                yield nothing(schema, Counter(damaged_file=1))
                break
            if block is None:
                break
            lines = block.removesuffix(b"\n").split(b"\n")
            batch, faults = batch_of(lines, schema, named)
            for fault in faults:
                quarantine(set_aside(source, first_line, fault, lines[fault.line], bool(schema.controlled)))
            first_line += len(lines)
            yield batch


def batch_of(lines: Sequence[bytes], schema: CaptureSchema, named: bool = False) -> tuple[Batch, list[Fault]]:
    """Return the rows of some lines in their order, and the lines that are poison; empty lines are passed over."""
    fields = (ROW_ID, *schema.features, *schema.predictions)
    # `tabulate` takes JSON strings: a line in quotes is one, unless there is a quote or a backslash in it.
    table = tabulate(
        [b'""' if b'"' in line or b"\\" in line else b'"%s"' % line.removesuffix(b"\r") for line in lines], fields
    )
    faults: list[Fault] = []
    number, odd = [], []
    for index in np.flatnonzero(np.bincount(table.record, minlength=len(lines)) == 0).tolist():
        if lines[index].strip():
            try:
                odd.append(row_of(lines[index], len(fields)))
                number.append(index)
            except PayloadError as error:
                faults.append(Fault(index, error.reason, str(error)))
    order = np.argsort(np.concatenate([table.record, np.array(number, dtype=np.int64)]), kind="stable")
    split = 1 + len(schema.features)
    ids: tuple[tuple[str, ...], ...] = ()
    if named:
        (words,) = part(table, odd, 0, fields[:1], order).values()
        ids = tuple((word,) if isinstance(word, str) else () for word in words.values)
    tally = Tally(len(order), len(order), Counter(fault.reason for fault in faults))
    features, predictions = (
        part(table, odd, first, fields[first:last], order) for first, last in ((1, split), (split, len(fields)))
    )
    return Batch(features, predictions, np.arange(len(order)), ids, tally), faults


def part(table: Table, odd: Sequence[Row], first: int, fields: Sequence[Field], order: Order) -> Columns:
    """Return the columns of some neighbouring fields, those of the table and those of single rows, in an order."""
    last = first + len(fields)
    columns = columns_of(replace(table, bounds=table.bounds[:, first : last + 1]), fields)
    if not odd:
        return columns
    return joined(columns, columns_of_rows([row[first:last] for row in odd], fields), order)


def row_of(line: bytes, wanted: int) -> Row:
    """Return the fields of one line.

    Raises
    ------
    PayloadError
        If it is no CSV, or has another number of fields.
    """
    try:
        row: Row = next(csv.reader([line.decode(errors="replace")], strict=True), [])
    except csv.Error as error:
        raise PayloadError("bad_payload", "the CSV has an open quote, text after one, or a huge field") from error
    if len(row) != wanted:
        raise PayloadError("wrong_field_count", f"the row has {len(row)} fields, wanted {wanted}")
    return row
