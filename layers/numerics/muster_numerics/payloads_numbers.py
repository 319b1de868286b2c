"""Decimal numbers from bytes, all of a chunk at once and correctly rounded: the double that `float` gives.

A field's last 16 characters are read as two words of 8 bytes, and each word's digits are added up in three
multiplications (D. Lemire, "Quickly parsing eight digits", 2018). Digits and power of ten are exact doubles up to 2^53
and 10^22, so that one division rounds correctly (W. D. Clinger, "How to read floating point numbers accurately", PLDI
1990). Longer numbers are divided in extended precision; where that cannot settle the last bit, and for every field of
another form (exponents, signs, blanks), Python's own parser reads the field.
"""

import math

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Points = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PADDING = b"0" * 24
"""Has to stand before the text: words are read up to this far before the first field."""
BLOCK_FIELDS = 32_768
"""Fields worked on at once: the intermediate arrays fit a processor's cache."""

_U = np.uint64
_ZEROS = _U(0x3030303030303030)
_DOT_BIT = _U(0x1010101010101010)
_ABOVE_NINE = _U(0x0606060606060606)
_HIGH_HALVES = _U(0xF0F0F0F0F0F0F0F0)
_BYTE = _U(0xFF)
_DOT = _U(0x1E)  # "." with the bits of "0" taken away
_LONGEST = 24
_KEEP = np.array([(2**64 - 1) ^ (2 ** (8 * (8 - min(length, 8))) - 1) for length in range(_LONGEST + 1)], dtype=_U)
"""Which bits of the last 8 characters belong to a field of a given length."""
_SCALE = np.array([1.0, *(10.0**digits for digits in range(_LONGEST))])
"""The power of ten to divide by, by the number of characters from the decimal point on."""
_LONG_SCALE = np.array([1, *(np.longdouble(10) ** digits for digits in range(_LONGEST))], dtype=np.longdouble)
_EXACT = _U(2**53)
_MOST_DIGITS = 19  # below 2^64
_MINUS = ord("-")


def parse(text: Bytes, bounds: Positions) -> tuple[Floats, Positions]:
    """Return the numbers of a table's fields, and which fields are none.

    Parameters
    ----------
    text
        Bytes, `PADDING` first.
    bounds
        Shape (rows, fields + 1): the byte before each field, and the byte after the last.

    Returns
    -------
    values : numpy.ndarray
        Shape (rows, fields): NaN for what is empty or no number.
    wrong : numpy.ndarray
        Positions, in the flattened values, of what is no number and not empty.
    """
    rows, fields = bounds.shape[0], bounds.shape[1] - 1
    values, wrong = np.empty((rows, fields)), [np.empty(0, dtype=np.int64)]
    step = max(1, BLOCK_FIELDS // max(fields, 1))
    for first in range(0, rows, step):
        part = bounds[first : first + step]
        found, wrong_there = parse_block(text, (part[:, :-1] + 1).reshape(-1), part[:, 1:].reshape(-1))
        values[first : first + step] = found.reshape(-1, fields)
        wrong.append(wrong_there + first * fields)
    return values, np.concatenate(wrong)


def parse_block(text: Bytes, starts: Positions, ends: Positions) -> tuple[Floats, Positions]:
    """Return the numbers of at most `BLOCK_FIELDS` fields, as `parse` does."""
    length = ends - starts
    empty = length == 0
    negative = text[starts] == _MINUS
    negative &= ~empty
    length -= negative
    digits, point, odd = read_words(text, ends, length)
    values = digits.astype(np.float64)
    values /= _SCALE.take(point)
    large = np.flatnonzero(digits >= _EXACT)
    if len(large):
        values[large], odd_there = divide_extended(digits[large], point[large])
        odd[large] |= odd_there
    np.negative(values, out=values, where=negative)
    odd |= length == point  # a point or a minus alone, or nothing
    odd |= length > _LONGEST
    odd &= ~empty
    again = np.flatnonzero(odd)
    found = [number(text[starts[each] : ends[each]].tobytes().decode(errors="replace")) for each in again]
    values[again] = [math.nan if each is None else each for each in found]
    values[empty] = math.nan
    return values, again[[each is None for each in found]] if len(again) else again


def read_words(text: Bytes, ends: Positions, length: Positions) -> tuple[Words, Points, Mask]:
    """Return each field's digits as one whole number, the characters from its point on, and whether it is not plain."""
    words: Words = np.ndarray((len(text) - 7,), "<u8", text, strides=(1,))  # a word begins at every byte
    digits, point, odd = read_word(words[ends - 8], _KEEP.take(length, mode="clip"))
    for done, scale in ((8, 10**8), (16, 10**16)):
        longer = np.flatnonzero(length > done)
        if not len(longer):
            break
        # Few are picked out; of many, all are worked on, where the shorter ones add nothing.
        at = longer if len(longer) * 4 < len(length) else slice(None)
        word, keep = words[ends[at] - (done + 8)], _KEEP.take(length[at] - done, mode="clip")
        more, more_point, more_odd = read_word(word, keep)
        after = point[at]
        # A point among the later characters means one digit less there.
        more *= np.where(after > 0, _U(scale // 10), _U(scale))
        digits[at] += more
        more_odd |= (more_point > 0) & (after > 0)
        point[at] = np.where(more_point > 0, more_point + np.uint8(done), after)
        odd[at] |= more_odd
    if len(longer):
        odd |= length - (point > 0) > _MOST_DIGITS
    return digits, point, odd


def read_word(word: Words, keep: Words) -> tuple[Words, Points, Mask]:
    """Return the number that 8 characters make, those from the point on (0: none), and if others occur.

    Bytes are in reading order from the lowest; `keep` masks those of the field. `word` is overwritten.
    """
    word ^= _ZEROS
    word &= keep
    point_bit = (word & _DOT_BIT) >> _U(4)  # the lowest bit of each byte that may be a point
    before = point_bit - _U(1)  # every bit below the first such byte; every bit when there is none
    after = ~before
    from_point = np.bitwise_count(after) >> np.uint8(3)
    moved = word & before
    moved <<= (from_point > 0).astype(_U) << _U(3)  # digits before the point take its place
    point_bit &= after  # the first alone: a second point stays, and is no digit
    word -= point_bit * _DOT
    point_bit *= _BYTE
    no_point = word & point_bit  # another character with the same bit
    word &= after
    word |= moved
    np.add(word, _ABOVE_NINE, out=moved)
    moved |= word
    moved &= _HIGH_HALVES
    moved |= no_point
    return add_digits(word), from_point, moved != 0


def add_digits(word: Words) -> Words:
    """Return the number that 8 digits make, the first in the lowest byte. `word` is overwritten."""
    for shift, scale, keep in ((8, 10, 0x00FF00FF00FF00FF), (16, 100, 0x0000FFFF0000FFFF), (32, 10_000, 0xFFFFFFFF)):
        right = word >> _U(shift)
        word *= _U(scale)
        word += right
        word &= _U(keep)
    return word


def divide_extended(digits: Words, point: Points) -> tuple[Floats, Mask]:
    """Return digits over a power of ten, and where rounding twice might have gone wrong.

    The extended quotient is correctly rounded, since digits below 2^64 and powers up to 10^27 are exact in it. Rounding
    it again to a double errs only if it lies half-way between two doubles, which its last 11 bits tell. Only x86 has
    this format; elsewhere all are in doubt.
    """
    if np.finfo(np.longdouble).nmant != 63:
        return np.zeros(len(digits)), np.ones(len(digits), dtype=bool)
    quotient = digits.astype(np.longdouble)
    quotient /= _LONG_SCALE[point]
    half_way = (quotient.view(_U)[::2] & _U(0x7FF)) == _U(0x400)
    return quotient.astype(np.float64), half_way


def number(text: str) -> float | None:
    """Return one field's number, or None for what is none.

    As `float` reads it, with blanks at the ends, "nan" and "inf", but without underscores and digits of other scripts.
    """
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None
