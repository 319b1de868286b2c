"""Capture records: from lines to the payloads in them, by msgspec's typed decoder.

SageMaker's form ("Capture data from real-time endpoint", developer guide): a JSON object a line, ``captureData`` with
``endpointInput`` and ``endpointOutput`` (``data``, ``encoding``), ``eventMetadata`` with ``eventId`` and, when the
caller gave one, ``inferenceId``; ``eventVersion`` is "0".

Nearly all lines of an endpoint are alike, so a block is first read as plain CSV records at once; where that fails, its
lines are read in groups, and the lines of a group that fails one by one. So a bad line costs little and hides nothing.
"""

import binascii
import contextlib
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import numpy as np

from muster_numerics.poison import Fault, PayloadError

KNOWN_VERSION = "0"
GROUP_LINES = 256
"""Lines that are read together after their block has failed."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises of data; the last of JSON that is nested very deeply."""


class PlainPart(msgspec.Struct, rename="camel", gc=False):
    """A payload in CSV; `data` is its JSON string as it stands in the line, with quotes and escapes."""

    data: msgspec.Raw
    encoding: Literal["CSV"]


class PlainData(msgspec.Struct, rename="camel", gc=False):
    """Request and answer, both in CSV."""

    endpoint_input: PlainPart
    endpoint_output: PlainPart


class Metadata(msgspec.Struct, rename="camel", gc=False, frozen=True):
    """Who asked: `inferenceId` is the caller's name for the request, `eventId` SageMaker's."""

    event_id: str = ""
    inference_id: str | None = None


class PlainRecord(msgspec.Struct, rename="camel", gc=False):
    """The usual record, without its metadata: half as much work."""

    capture_data: PlainData
    event_version: Literal["0"]


class PlainNamedRecord(PlainRecord, rename="camel", gc=False):
    """The usual record."""

    event_metadata: Metadata


class Part(msgspec.Struct, rename="camel", gc=False):
    """A payload in any encoding."""

    data: str = ""
    encoding: str = ""


class Data(msgspec.Struct, rename="camel", gc=False):
    """Request and answer, either of which may be absent."""

    endpoint_input: Part | None = None
    endpoint_output: Part | None = None


class Record(msgspec.Struct, rename="camel", gc=False):
    """Any record."""

    capture_data: Data
    event_metadata: Metadata = Metadata()
    event_version: str = ""


@dataclass
class Payloads:
    """The payloads of a block's records, in reading order.

    Attributes
    ----------
    lines
        Number of each record's line in the block, from 0.
    inputs, outputs
        CSV payloads as JSON strings, quotes and escapes included; None where the other attributes hold the payload.
    odd
        What is not CSV, or has no answer: by position, the decoded request and answer.
    ids
        Each record's `inferenceId`, if there is one, and `eventId`; empty unless asked for.
    faults
        The lines that are no record.
    own
        Records that were passed over (`Reader`, ``skip``).
    line_count
        Lines in the block.
    """

    line_count: int
    lines: list[int] = field(default_factory=list)
    inputs: list[msgspec.Raw | bytes | None] = field(default_factory=list)
    outputs: list[msgspec.Raw | bytes | None] = field(default_factory=list)
    odd: dict[int, Data] = field(default_factory=dict)
    ids: list[tuple[str, ...]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    own: int = 0


_PLAIN: msgspec.json.Decoder[PlainRecord] = msgspec.json.Decoder(PlainRecord)
_NAMED: msgspec.json.Decoder[PlainRecord] = msgspec.json.Decoder(PlainNamedRecord)
_ANY = msgspec.json.Decoder(Record)
_TEXT = msgspec.json.Encoder()


class Reader:
    """Reads blocks of lines.

    Parameters
    ----------
    named
        Whether to read the ids too, which costs time and memory.
    base64_is_csv
        Whether base64 payloads hold CSV; if not they are kept for the reader of JSON.
    skip
        Records whose `inferenceId` begins so are counted and passed over; empty: none.
    """

    def __init__(self, named: bool, base64_is_csv: bool, skip: str = "") -> None:
        self._named = named
        self._base64_is_csv = base64_is_csv
        self._skip = skip
        self._mark = f'"{skip}'.encode()
        self._skipping = False
        self._plain: msgspec.json.Decoder[PlainRecord] = _NAMED if named else _PLAIN

    def read(self, block: bytes) -> Payloads:
        """Return the payloads of a block of lines. Empty lines are passed over."""
        newlines = int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))
        found = Payloads(newlines + (not block.endswith(b"\n")))
        # Nearly all blocks have no such record, and are read without their metadata.
        self._skipping = bool(self._skip) and self._mark in block
        self._plain = _NAMED if self._named or self._skipping else _PLAIN
        try:
            records = self._plain.decode_lines(block)
        except UNREADABLE:
            records = None
        # Fewer records than lines: there are empty ones, and numbers of lines are counted in the slower way.
        if records is not None and len(records) == found.line_count:
            self._add_plain(found, range(len(records)), records)
            return found
        lines = [(number, line) for number, line in enumerate(block.split(b"\n")) if line.strip()]
        for start in range(0, len(lines), GROUP_LINES):
            self._read_group(found, lines[start : start + GROUP_LINES])
        return found

    def _read_group(self, found: Payloads, lines: list[tuple[int, bytes]]) -> None:
        numbers = [number for number, _ in lines]
        text = b"\n".join([line for _, line in lines])
        try:
            plain = self._plain.decode_lines(text)
        except UNREADABLE:
            plain = []
        if len(plain) == len(lines):
            self._add_plain(found, numbers, plain)
            return
        try:
            records = _ANY.decode_lines(text)
        except UNREADABLE:
            records = []
        if len(records) == len(lines):
            for number, record in zip(numbers, records, strict=True):
                self._add(found, number, record)
            return
        for number, line in lines:
            self._read_line(found, number, line)

    def _read_line(self, found: Payloads, number: int, line: bytes) -> None:
        with contextlib.suppress(*UNREADABLE):
            self._add_plain(found, [number], [self._plain.decode(line)])
            return
        try:
            self._add(found, number, _ANY.decode(line))
        except msgspec.ValidationError:
            found.faults.append(Fault(number, "not_a_capture_record", "a member is missing or of another type"))
        except UNREADABLE:
            found.faults.append(Fault(number, "not_json", f"{len(line)} bytes"))

    def _add_plain(self, found: Payloads, numbers: range | list[int], records: list[PlainRecord]) -> None:
        if self._skipping:
            kept = [
                (number, record)
                for number, record in zip(numbers, records, strict=True)
                if not self._is_own(record.event_metadata)  # type: ignore[attr-defined]
            ]
            found.own += len(records) - len(kept)
            numbers, records = [number for number, _ in kept], [record for _, record in kept]
        found.lines += numbers
        found.inputs += [record.capture_data.endpoint_input.data for record in records]
        found.outputs += [record.capture_data.endpoint_output.data for record in records]
        if self._named:
            found.ids += [names_of(record.event_metadata) for record in records]  # type: ignore[attr-defined]

    def _add(self, found: Payloads, number: int, record: Record) -> None:
        """Add a record of any form: as CSV if it is, else among the odd ones."""
        if self._skipping and self._is_own(record.event_metadata):
            found.own += 1
            return
        data = record.capture_data
        if record.event_version != KNOWN_VERSION:
            # A version is a number or it is not ours; what it says is not repeated, it might be anything.
            found.faults.append(Fault(number, "unknown_event_version", f"{len(record.event_version)} characters"))
            return
        if data.endpoint_input is None:
            found.faults.append(Fault(number, "no_input", "captureData has no endpointInput"))
            return
        try:
            for part in filter(None, (data.endpoint_input, data.endpoint_output)):
                self._unpack(part)
        except PayloadError as error:
            found.faults.append(Fault(number, error.reason, str(error)))
            return
        is_csv = (
            data.endpoint_input.encoding == "CSV" and data.endpoint_output and data.endpoint_output.encoding == "CSV"
        )
        if not is_csv:
            found.odd[len(found.lines)] = data
        found.lines.append(number)
        found.inputs.append(_TEXT.encode(data.endpoint_input.data) if is_csv else None)
        found.outputs.append(_TEXT.encode(data.endpoint_output.data) if is_csv and data.endpoint_output else None)
        if self._named:
            found.ids.append(names_of(record.event_metadata))

    def _is_own(self, metadata: Metadata) -> bool:
        return (metadata.inference_id or "").startswith(self._skip)

    def _unpack(self, part: Part) -> None:
        """Replace base64 by what it encodes."""
        if part.encoding == "BASE64":
            try:
                part.data = binascii.a2b_base64(part.data.encode(), strict_mode=True).decode()
            except ValueError as error:  # binascii.Error and UnicodeDecodeError are ValueErrors
                raise PayloadError("not_base64", f"{len(part.data)} characters") from error
            part.encoding = "CSV" if self._base64_is_csv else "JSON"
        elif part.encoding not in ("CSV", "JSON"):
            raise PayloadError("unknown_encoding", f"{len(part.encoding)} characters")


def names_of(metadata: Metadata) -> tuple[str, ...]:
    """Return what ground truth is matched by: the caller's id if there is one, then SageMaker's."""
    return tuple(filter(None, (metadata.inference_id, metadata.event_id)))
