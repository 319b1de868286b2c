"""Records that cannot be read: counted, and kept apart with the reason. Data never raises."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

REASONS = {
    "damaged_file": "the file ends or breaks inside its gzip stream",
    "not_json": "the line is not JSON, or is cut off",
    "not_a_capture_record": "the line is JSON of another form than a capture record",
    "unknown_event_version": "the record's eventVersion is not 0",
    "no_input": "the record has no request",
    "unknown_encoding": "a payload's encoding is not CSV, JSON or BASE64",
    "not_base64": "a payload marked BASE64 is not, or does not hold UTF-8 text",
    "bad_payload": "a payload is not of its content type, or of a JSON layout that is not known",
    "empty_payload": "a payload has no row",
    "wrong_field_count": "a row has more or fewer fields than the schema",
    "row_count_differs": "the answer has not as many rows as the request",
}
"""Each reason, as a person reads it."""
MOST_TEXT = 2_000
"""Bytes of a line that are kept: enough to see what is wrong."""


class Fault(NamedTuple):
    """Why a line is poison: its number in the block, from 0, a key of `REASONS`, and what was found, without values."""

    line: int
    reason: str
    detail: str


class PayloadError(ValueError):
    """A payload that cannot be read. `reason` is a key of `REASONS`; the text says what was found, without values."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Poison:
    """A line that was set aside.

    Attributes
    ----------
    source
        Name of the file.
    line
        Its number there, from 1; 0 for the file as a whole.
    reason
        A key of `REASONS`.
    detail
        What was found. Never a value of a field.
    digest
        SHA-256 of the line, to find it again in the file.
    size
        Bytes of the line.
    text
        How the line begins; empty when the schema controls a field, since what cannot be read cannot be masked in part.
    """

    source: str
    line: int
    reason: str
    detail: str
    digest: str
    size: int
    text: str

    def as_json(self) -> dict[str, str | int]:
        """Return the entry of the quarantine."""
        return dict(vars(self))


Quarantine = Callable[[Poison], None]
"""Takes each poison record as it is found."""


def set_aside(source: str, first_line: int, fault: Fault, line: bytes, masked: bool) -> Poison:
    """Make the quarantine's entry of a line; `first_line` is the number of the block's first line, from 1."""
    text = "" if masked else line[:MOST_TEXT].decode(errors="replace")
    digest = hashlib.sha256(line).hexdigest()
    return Poison(source, first_line + fault.line, fault.reason, fault.detail, digest, len(line), text)
