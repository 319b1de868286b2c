"""CSV payloads of many records at once: where each field begins and ends, and the columns these make.

Payloads come as JSON strings with their quotes: in these neither quote nor line break can stand by itself, so that a
quote ends a row, a comma ends a field, and a backslash shows what has to be looked at by itself.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from muster_numerics.capture_schema import Field
from muster_numerics.columns import MISSING_CODE, Categorical, CodeArray, Columns, Numeric
from muster_numerics.payloads_numbers import PADDING, Bytes, Positions, Words, number, parse

Mask = npt.NDArray[np.bool_]

_QUOTE, _COMMA, _BACKSLASH = ord('"'), ord(","), ord("\\")
_KEEP = np.array([2 ** (8 * length) - 1 for length in range(9)], dtype=np.uint64)
"""Which bits of the 8 characters from a field's first belong to it, by length."""
AT_ONCE = 2**18
"""Bytes looked through at once: they fit a processor's cache."""
FIRST_KEYS = 512
SLOTS = 4_096
_SLOT_BITS = np.uint64(64 - 12)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio


@dataclass(frozen=True)
class Table:
    """Rows of fields in a text.

    Attributes
    ----------
    text
        Bytes, with room before and after for words that reach beyond a field.
    bounds
        Shape (rows, fields + 1): the byte before each field, and the byte after the last.
    record
        Which of the payloads each row is of, ascending.
    plain
        Whether each payload was read; rows of the others are not there.
    """

    text: Bytes
    bounds: Positions
    record: Positions
    plain: Mask

    def only(self, wanted: Mask) -> "Table":
        """Return the rows of the wanted payloads."""
        kept = wanted[self.record]
        if kept.all():
            return self
        return Table(self.text, self.bounds[kept], self.record[kept], self.plain & wanted)


def tabulate(payloads: Sequence[bytes], fields: Sequence[Field]) -> Table:
    """Return the rows of the payloads that are plain.

    A payload is plain if each of its rows has as many fields as wanted, none is quoted or escaped, and no row is empty
    or a header. A line break at its end is no row.
    """
    text, breaks = laid_out(payloads)
    bounds = alike(text, breaks, len(payloads), len(fields))
    if bounds is not None:
        plain = np.ones(len(payloads), dtype=bool)
        plain[headers(text, bounds, fields)] = False
        return Table(text, bounds, np.arange(len(payloads)), plain).only(plain)
    text, breaks, plain = find_breaks(payloads, text, breaks)
    ends = np.flatnonzero(text[breaks] != _COMMA)  # what begins and ends rows
    is_quote = text[breaks[ends]] == _QUOTE
    quotes = np.cumsum(is_quote)
    closing = is_quote & (quotes % 2 == 0)
    plain[(quotes[~is_quote] - 1) // 2] &= text[breaks[ends[~is_quote]] + 1] == ord("n")  # no other escape
    first, last = ends[:-1], ends[1:]
    empty = breaks[first] + 1 + ~is_quote[:-1] == breaks[last]
    is_row = ~closing[:-1] & ~(empty & closing[1:] & ~is_quote[:-1])
    first, last, empty, record = first[is_row], last[is_row], empty[is_row], ((quotes[:-1] - 1) // 2)[is_row]
    fitting = (last - first == len(fields)) & ~empty
    if not fitting.all():
        plain[record[~fitting]] = False
        first, record = first[fitting], record[fitting]
    bounds = rows_from(breaks, first, len(fields) + 1)
    bounds[:, 0] += text[bounds[:, 0]] == _BACKSLASH  # of a line break the second byte is the one before the field
    plain[record[headers(text, bounds, fields)]] = False
    return Table(text, bounds, record, plain).only(plain)


def laid_out(payloads: Sequence[bytes]) -> tuple[Bytes, Positions]:
    """Return the payloads one after the other, and where quotes, commas and backslashes are in them."""
    text = np.frombuffer(b"".join([PADDING, *payloads, PADDING]), np.uint8)
    size = min(AT_ONCE, len(text))
    found, other, breaks = np.empty(size, dtype=bool), np.empty(size, dtype=bool), []
    for start in range(0, len(text), AT_ONCE):
        part = text[start : start + AT_ONCE]
        here, there = found[: len(part)], other[: len(part)]
        np.equal(part, _QUOTE, out=here)
        here |= np.equal(part, _COMMA, out=there)
        here |= np.equal(part, _BACKSLASH, out=there)
        breaks.append(np.flatnonzero(here) + start)
    return text, np.concatenate(breaks)


def alike(text: Bytes, breaks: Positions, payloads: int, width: int) -> Positions | None:
    """Return the bounds of payloads of one row each, all with or all without a line break after it; None of others."""
    step = len(breaks) // max(payloads, 1)
    if step not in (width + 1, width + 2) or step * payloads != len(breaks):
        return None
    table = breaks.reshape(payloads, step)
    ends = [_QUOTE] if step == width + 1 else [_BACKSLASH, _QUOTE]
    kinds = np.array([_QUOTE, *[_COMMA] * (width - 1), *ends], dtype=np.uint8)
    fits = (
        np.array_equal(text.take(breaks).reshape(payloads, step), np.broadcast_to(kinds, (payloads, step)))
        # Each begins where the one before has ended: all are JSON strings, and no quote is escaped.
        and np.array_equal(table[1:, 0], table[:-1, -1] + 1)
        and (
            step == width + 1
            or bool(np.all(text[table[:, -2] + 1] == ord("n")) and np.all(table[:, -1] - table[:, -2] == 2))
        )
        and (width > 1 or bool(np.all(table[:, 1] - table[:, 0] > 1)))  # an empty row is none
    )
    return table[:, : width + 1] if fits else None


def find_breaks(payloads: Sequence[bytes], text: Bytes, breaks: Positions) -> tuple[Bytes, Positions, Mask]:
    """Return the text and the breaks of the payloads, and which were kept.

    What is no JSON string, or has escaped quotes, is left empty.
    """
    quotes = breaks[text[breaks] == _QUOTE]
    if len(quotes) == 2 * len(payloads):
        # If each pair begins where the one before has ended, no quote is escaped: that has a backslash before it.
        begins, ends = np.append(quotes[::2], len(text) - len(PADDING)), np.insert(quotes[1::2] + 1, 0, len(PADDING))
        if np.array_equal(begins, ends):
            return text, breaks, np.ones(len(payloads), dtype=bool)
    kept = [each[:1] == b'"' and b'\\"' not in each for each in map(bytes, payloads)]
    left = [each if good else b'""' for each, good in zip(payloads, kept, strict=True)]
    return *laid_out(left), np.array(kept, dtype=bool)


def rows_from(breaks: Positions, first: Positions, width: int) -> Positions:
    """Return so many breaks from each of some places on, one row per place."""
    if len(first) > 1:
        step = int(first[1] - first[0])
        if step >= width and len(breaks) % step == 0 and np.array_equal(first, np.arange(0, len(breaks), step)):
            return breaks.reshape(-1, step)[:, :width]  # the usual file, in which all records are alike
    return breaks[first[:, None] + np.arange(width)]


def headers(text: Bytes, bounds: Positions, fields: Sequence[Field]) -> list[int]:
    """Return which rows begin or end with a field's name and hold no number: `payloads.is_header` of as many fields."""
    names = {field.name.encode() for field in fields}
    first_bytes = np.zeros(256, dtype=bool)
    first_bytes[[name[0] for name in names]] = True
    begins = np.array([int.from_bytes(name[:8], "little") for name in names], dtype=np.uint64)
    likely: set[int] = set()
    for each in {0, len(fields) - 1}:
        starts, ends = bounds[:, each] + 1, bounds[:, each + 1]
        alike = np.flatnonzero(first_bytes[text[starts]])
        if not len(alike):
            continue
        codes, keys = coded(first_eight(text, starts[alike], ends[alike]))
        alike = alike[np.isin(keys, begins)[codes]]
        likely |= {row for row in alike.tolist() if text[starts[row] : ends[row]].tobytes() in names}
    return [row for row in sorted(likely) if not has_number(text, bounds[row].tolist())]


def first_eight(text: Bytes, starts: Positions, ends: Positions) -> Words:
    """Return the first 8 characters of some fields as whole numbers, the first character lowest."""
    words: Words = np.ndarray((len(text) - 7,), "<u8", text, strides=(1,))  # a word begins at every byte
    return words[starts] & _KEEP.take(ends - starts, mode="clip")


def has_number(text: Bytes, bounds: Sequence[int]) -> bool:
    """Return whether a field of a row is a number."""
    fields = (text[before + 1 : end].tobytes().decode(errors="replace") for before, end in itertools.pairwise(bounds))
    return any(number(field) is not None for field in fields)


def columns_of(table: Table, fields: Sequence[Field]) -> Columns:
    """Return the columns of a table, in the order of the fields."""
    numbers = [index for index, field in enumerate(fields) if field.kind == "number"]
    numeric = dict(zip(numbers, numbers_of(table, numbers), strict=True))
    return {
        field.name: numeric[index] if index in numeric else words_of(table, index) for index, field in enumerate(fields)
    }


def numbers_of(table: Table, chosen: list[int]) -> Iterator[Numeric]:
    """Yield the numbers of some fields, field by field.

    Neighbouring fields are parsed row by row, in which order their bytes lie in memory.
    """
    while chosen:
        first = chosen[0]
        together = [each for place, each in enumerate(chosen) if each == first + place]
        chosen = chosen[len(together) :]
        values, wrong = parse(table.text, table.bounds[:, first : first + len(together) + 1])
        unparsed = np.bincount(wrong % len(together), minlength=len(together)).tolist()
        for column, wrong_there in zip(np.ascontiguousarray(values.T), unparsed, strict=True):
            yield Numeric.of(column, wrong_there)


def words_of(table: Table, index: int) -> Categorical:
    """Return the words of one field.

    Words of up to 8 characters are compared as whole numbers, longer ones as bytes.
    """
    text, starts, ends = table.text, table.bounds[:, index] + 1, table.bounds[:, index + 1]
    length = ends - starts
    codes, found = coded(first_eight(text, starts, ends))
    names = [key.to_bytes(8, "little").rstrip(b"\0").decode(errors="replace") for key in found.tolist()]
    long = np.flatnonzero(length > 8)
    if len(long):
        fields = zip(starts[long].tolist(), ends[long].tolist(), strict=True)
        words = Categorical.of([text[start:end].tobytes().decode(errors="replace") for start, end in fields])
        codes[long] = words.codes + len(names)
        names += words.levels
    codes[length == 0] = MISSING_CODE
    return only_present(codes, names)


def only_present(codes: CodeArray, names: Sequence[str]) -> Categorical:
    """Return the column without the levels that have no row."""
    rows = np.bincount(codes + 1, minlength=len(names) + 1)[1:]
    if rows.all():
        return Categorical(codes, tuple(names))
    present = np.flatnonzero(rows)
    place = np.full(len(names) + 1, MISSING_CODE, dtype=np.int32)  # the last is where -1 is looked up
    place[present] = np.arange(len(present), dtype=np.int32)
    return Categorical(place[codes], tuple(names[each] for each in present.tolist()))


def coded(keys: Words) -> tuple[CodeArray, Words]:
    """Return an index for each key, and the keys that these are of.

    Those among the first are looked up in a table that is addressed by a part of a product (D. Knuth, The Art of
    Computer Programming, volume 3, section 6.4); only the others are sorted.
    """
    first = np.unique(keys[:FIRST_KEYS])
    table, place = np.zeros(SLOTS, dtype=np.uint64), np.full(SLOTS, -1, dtype=np.int32)
    table[slots_of(first)] = first
    first = first[table[slots_of(first)] == first]  # of two that share a slot, one
    place[slots_of(first)] = np.arange(len(first), dtype=np.int32)
    slots = slots_of(keys)
    codes = place.take(slots, mode="clip")
    others = np.flatnonzero((table.take(slots, mode="clip") != keys) | (codes < 0))  # an empty place looks like key 0
    if not len(others):
        return codes, first
    rest, codes[others] = np.unique(keys[others], return_inverse=True)
    codes[others] += len(first)
    return codes, np.concatenate([first, rest])


def slots_of(keys: Words) -> Positions:
    """Return where in a table of `SLOTS` each key belongs."""
    slots = keys * _MULTIPLIER
    slots >>= _SLOT_BITS
    return slots.view(np.int64)
