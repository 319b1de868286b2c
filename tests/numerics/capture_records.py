"""Capture records for the tests: written in every form that SageMaker writes them, with the columns they hold."""

import base64
import csv
import gzip
import io
import json
import math
import random
from dataclasses import dataclass, field

import numpy as np

from muster_numerics.capture import Batch, Tally, read_capture
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.columns import Categorical, Column, Numeric
from muster_numerics.poison import Poison

SCHEMA = CaptureSchema(
    features=(Field("age"), Field("density", "word"), Field("margin")), predictions=(Field("score"),)
)


def part(data: str, encoding: str = "CSV") -> dict[str, str]:
    """Return one payload of a record."""
    return {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": encoding}


def record(
    asked: str | dict | None,
    answered: str | dict | None = "0.5",
    *,
    event: str = "e-1",
    inference: str | None = None,
    **members,
) -> str:
    """Return a capture record; a text payload is CSV."""
    parts = {"endpointInput": asked, "endpointOutput": answered}
    data = {name: part(each) if isinstance(each, str) else each for name, each in parts.items() if each is not None}
    metadata = {"eventId": event, "inferenceTime": "2026-10-01T12:00:00Z"}
    if inference:
        metadata["inferenceId"] = inference
    whole = {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"} | members
    return json.dumps(whole, separators=(",", ":"))


@dataclass
class Read:
    """What was read from some files."""

    features: dict[str, list]
    predictions: dict[str, list]
    tally: Tally
    poison: list[Poison]
    ids: list[tuple[str, ...]]
    unparsed: dict[str, int]
    missing: dict[str, int]


def read(*files: bytes, schema: CaptureSchema = SCHEMA, **options) -> Read:
    """Read files and put the batches together as lists; NaN becomes None."""
    poison: list[Poison] = []
    named = [(f"file-{number}", io.BytesIO(each)) for number, each in enumerate(files)]
    batches: list[Batch] = list(read_capture(named, schema, poison.append, **options))
    tally = sum((batch.tally for batch in batches), Tally())
    features = {name.name: [v for b in batches for v in values(b.features[name.name])] for name in schema.features}
    answers = {name.name: [v for b in batches for v in values(b.predictions[name.name])] for name in schema.predictions}
    numbers = [each.name for each in schema.features if each.kind == "number"]
    return Read(
        features,
        answers,
        tally,
        poison,
        [each for batch in batches for each in batch.ids],
        {name: sum(batch.features[name].unparsed for batch in batches) for name in numbers},
        {name: sum(batch.features[name].missing for batch in batches) for name in features},
    )


def read_lines(*lines: str, **options) -> Read:
    """Read one file of these lines."""
    return read("".join(f"{line}\n" for line in lines).encode(), **options)


def values(column: Column) -> list:
    """Return a column's values, None where there is none."""
    if isinstance(column, Numeric):
        assert isinstance(column.values, np.ndarray)
        return [None if math.isnan(value) else value for value in column.values.tolist()]
    assert isinstance(column, Categorical)
    return column.values


@dataclass
class Traffic:
    """Lines, and what a reader has to find in them."""

    lines: list[bytes] = field(default_factory=list)
    rows: list[tuple] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    unparsed: int = 0
    poison: list[tuple[int, str]] = field(default_factory=list)

    def file(self, *, packed: bool, ended: bool) -> bytes:
        """Return the lines as a file."""
        content = b"\n".join(self.lines) + (b"\n" if ended and self.lines else b"")
        return gzip.compress(content) if packed else content


def payload(
    rows: list[list[str]], names: tuple[str, ...], kinds: tuple[str, ...], chance: random.Random
) -> dict[str, str]:
    """Write rows in one of the forms that SageMaker's containers take."""
    if chance.random() < 0.25:
        cells = [[json_value(cell, kind, chance) for cell, kind in zip(row, kinds, strict=True)] for row in rows]
        layouts = [
            {"instances": [{"features": row} for row in cells]},
            {"instances": cells},
            [dict(zip(names, row, strict=True)) for row in cells],
            {"predictions": [dict(zip(names, row, strict=True)) for row in cells]},
        ]
        return part(json.dumps(chance.choice(layouts)), "JSON")
    text = io.StringIO()
    ending = chance.choice(["\n", "\n", "\r\n"])
    quoted = chance.random() < 0.2 or any(needs_quotes(cell) for row in rows for cell in row)
    writer = csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    if chance.random() < 0.15:
        writer.writerow(names)
    writer.writerows(rows)
    data = text.getvalue() if chance.random() < 0.5 else text.getvalue().removesuffix(ending)
    return part(base64.b64encode(data.encode()).decode(), "BASE64") if chance.random() < 0.25 else part(data)


def needs_quotes(cell: str) -> bool:
    """Return whether a cell cannot stand in CSV without quotes; csv leaves a lone empty cell to the reader's luck."""
    return cell == "" or any(each in cell for each in ',"\r\n')


def json_value(cell: str, kind: str, chance: random.Random):
    """Return a cell as JSON holds it: a number as number or text, an empty one as null or text."""
    if cell == "":
        return chance.choice([None, ""])
    if kind == "number" and chance.random() < 0.7:
        try:
            found = float(cell)
        except ValueError:
            return cell
        return found if math.isfinite(found) else cell
    return cell
