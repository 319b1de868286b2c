"""Decimal numbers from bytes, all of a chunk at once and correctly rounded: the double that `float` gives.

A field's last 8 characters are read as one word, and its digits are added up in three multiplications (D. Lemire,
"Quickly parsing eight digits", 2018). Longer fields take up to three words. Digits and power of ten are exact doubles up
to 2^53 and 10^22, so that one division rounds correctly (W. D. Clinger, "How to read floating point numbers accurately",
PLDI 1990). Longer numbers are divided in extended precision; where that cannot settle the last bit, and for every field
of another form (exponents, signs, blanks), Python's own parser reads the field.
"""

import math

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Small = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

PADDING = b"0" * 24
"""Has to stand before the text: words are read up to this far before the first field."""
BLOCK_FIELDS = 32_768
"""Fields worked on at once: the intermediate arrays fit a processor's cache."""

_U = np.uint64
_ZEROS = _U(0x3030303030303030)
_DOT_BIT = _U(0x1010101010101010)
_DOTS = _U(0x1E1E1E1E1E1E1E1E)  # "." with the bits of "0" taken away
_ABOVE_NINE = _U(0x0606060606060606)
_HIGH_HALVES = _U(0xF0F0F0F0F0F0F0F0)
_BYTE = _U(0xFF)
_PAIRS = _U(0x000000FF000000FF)
_LONGEST = 24
_KEEP = np.array([(2**64 - 1) ^ (2 ** (8 * (8 - min(length, 8))) - 1) for length in range(_LONGEST + 1)], dtype=_U)
"""Which bits of the last 8 characters belong to a field of a given length."""
_SCALE = np.array([10.0**power for power in range(_LONGEST)])
_LONG_SCALE = np.array([np.longdouble(10) ** power for power in range(_LONGEST)], dtype=np.longdouble)
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
    values = np.empty((rows, fields))
    flat = values.reshape(-1)
    left = [np.empty((3, 0), dtype=np.int64)]
    step = max(1, BLOCK_FIELDS // max(fields, 1))
    for first in range(0, rows, step):
        part, at = bounds[first : first + step], first * fields
        befores, ends = part[:, :-1].reshape(-1), part[:, 1:].reshape(-1)
        longer = parse_short(text, befores, ends, flat[at : at + len(ends)])
        left.append(np.stack([longer + at, befores[longer], ends[longer]]))
    rest = np.concatenate(left, axis=1)
    wrong = [rest[0, :0]]
    for first in range(0, rest.shape[1], BLOCK_FIELDS):
        at_once, befores, ends = rest[:, first : first + BLOCK_FIELDS]
        flat[at_once], wrong_there = parse_any(text, befores, ends)
        wrong.append(at_once[wrong_there])
    return values, np.concatenate(wrong)


def parse_short(text: Bytes, befores: Positions, ends: Positions, values: Floats) -> Positions:
    """Read the plain numbers of at most 8 digits and points into `values`, and return where other fields are."""
    negative, size = signs_and_sizes(text, befores, ends)
    digits, power, odd = read_word(words_of(text)[ends - 8], _KEEP.take(size, mode="clip"))
    # Eight digits are positive in a signed number too, from which the processor converts faster.
    np.divide(digits.view(np.int64), _SCALE.take(power, mode="clip"), out=values)
    set_signs(values, negative)
    odd |= size == power  # nothing, or a point or a minus alone
    odd |= size > 8
    return np.flatnonzero(odd)


def parse_any(text: Bytes, befores: Positions, ends: Positions) -> tuple[Floats, Mask]:
    """Return the numbers of fields of any form, and which are none and not empty."""
    negative, size = signs_and_sizes(text, befores, ends)
    digits, power, odd = read_words(text, ends, size)
    values = digits.astype(np.float64)
    values /= _SCALE.take(power, mode="clip")
    large = np.flatnonzero(digits >= _EXACT)
    if len(large):
        values[large], odd_there = divide_extended(digits[large], power[large])
        odd[large] |= odd_there
    set_signs(values, negative)
    odd |= size == power
    odd |= size > _LONGEST
    empty = ends - befores == 1
    values[empty] = math.nan
    wrong = np.zeros(len(values), dtype=bool)
    for each in np.flatnonzero(odd & ~empty).tolist():
        found = number(text[befores[each] + 1 : ends[each]].tobytes().decode(errors="replace"))
        values[each], wrong[each] = (math.nan, True) if found is None else (found, False)
    return values, wrong


def words_of(text: Bytes) -> Words:
    """Return the text as words of 8 bytes, of which one begins at every byte."""
    return np.ndarray((len(text) - 7,), "<u8", text, strides=(1,))


def signs_and_sizes(text: Bytes, befores: Positions, ends: Positions) -> tuple[Mask, Small]:
    """Return which fields begin with a minus, and the number of the other characters, at most one above `_LONGEST`."""
    negative = text[1:].take(befores, mode="clip") == _MINUS
    length = ends - befores
    negative &= length > 1  # an empty field may stand before a field's minus
    length -= negative
    size = np.minimum(length, _LONGEST + 2, out=length).astype(np.uint8)
    size -= np.uint8(1)
    return negative, size


def set_signs(values: Floats, negative: Mask) -> None:
    """Set the sign of each number, zeros too."""
    sign = negative.astype(_U)
    sign <<= _U(63)
    bits = values.view(_U)
    bits |= sign


def read_words(text: Bytes, ends: Positions, size: Small) -> tuple[Words, Small, Mask]:
    """Return each field's digits as one whole number, its power of ten, and whether it is not plain."""
    words = words_of(text)
    digits, power, odd = read_word(words[ends - 8], _KEEP.take(size, mode="clip"))
    late = np.zeros(len(size), dtype=bool)  # the point is before the last 8 characters, and has given no digit more
    for done in (8, 16):
        longer = np.flatnonzero(size > done)
        if not len(longer):
            break
        word, keep = words[ends[longer] - (done + 8)], _KEEP.take(size[longer] - done, mode="clip")
        more, more_power, more_odd = read_word(word, keep)
        here = more_power > 0
        more_odd |= here & (power[longer] > 0)
        late[longer] |= here
        more *= np.where(late[longer], _U(10 ** (done - 1)), _U(10**done))
        digits[longer] += more
        power[longer] += np.where(here, more_power + np.uint8(done - 1), np.uint8(0))
        odd[longer] |= more_odd
    odd |= size - late > _MOST_DIGITS
    return digits, power, odd


def read_word(word: Words, keep: Words) -> tuple[Words, Small, Mask]:
    """Return the number that 8 characters make, its power of ten, and if others than digits and a point occur.

    Bytes are in reading order from the lowest; `keep` masks those of the field. With a point the number has one digit
    more than are read, a 0 at its end. `word` is overwritten.
    """
    word ^= _ZEROS
    word &= keep
    point = word & _DOT_BIT
    point >>= _U(4)  # the lowest bit of each byte that may be a point
    behind = np.negative(point)  # every bit from the first such byte on, none when there is none
    power = np.bitwise_count(behind)
    power >>= np.uint8(3)
    digits = word >> _U(8)  # what is behind the point takes its place
    digits ^= word
    digits &= behind
    digits ^= word
    point *= _BYTE
    word ^= _DOTS
    word &= point  # another character with the same bit
    np.add(digits, _ABOVE_NINE, out=point)
    point |= digits
    point &= _HIGH_HALVES  # what is no digit; a second point is none
    point |= word
    return add_digits(digits), power, point != 0


def add_digits(word: Words) -> Words:
    """Return the number that 8 digits make, the first in the lowest byte. `word` is overwritten."""
    word *= _U(2561)  # 10 times each byte, and the next
    word >>= _U(8)
    seconds = word >> _U(16)
    seconds &= _PAIRS
    seconds *= _U(0x0000271000000001)
    word &= _PAIRS
    word *= _U(0x000F424000000064)
    word += seconds
    word >>= _U(32)
    return word


def divide_extended(digits: Words, power: Small) -> tuple[Floats, Mask]:
    """Return digits over a power of ten, and where rounding twice might have gone wrong.

    The extended quotient is correctly rounded, since digits below 2^64 and powers up to 10^27 are exact in it. Rounding
    it again to a double errs only if it lies half-way between two doubles, which its last 11 bits tell. Only x86 has
    this format; elsewhere all are in doubt.
    """
    if np.finfo(np.longdouble).nmant != 63:
        return np.zeros(len(digits)), np.ones(len(digits), dtype=bool)
    quotient = digits.astype(np.longdouble)
    quotient /= _LONG_SCALE.take(power, mode="clip")
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
