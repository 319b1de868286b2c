"""Blocks of whole lines from a file of any size, gzipped or not, in flat memory."""

import zlib
from collections.abc import Iterator
from typing import Protocol

GZIP = b"\x1f\x8b"
BLOCK_BYTES = 12 * 2**20
"""How much is read at once. Parsing needs about ten times as much memory while it works on a block."""
LONGEST_LINE = 64 * 2**20
"""A longer line is no record (InvokeEndpoint takes payloads of 25 MB at most): its rest is skipped."""
STUB = 1_000
"""Bytes that are kept of such a line, so that it is found to be poison."""


class ByteSource(Protocol):
    """What is read from: a file, or the body of an S3 object."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to so many bytes, none at the end."""


class DamagedFile(ValueError):
    """The gzip stream is broken or ends too early; all lines before were given."""


def blocks(file: ByteSource, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the file's lines, as many at once as `size` bytes hold; the last line may lack its newline.

    Raises
    ------
    DamagedFile
        At the end of what can be unpacked.
    """
    rest = b""
    damage = None
    source = pieces(file, size)
    while True:
        try:
            piece = next(source, b"")
        except DamagedFile as error:
            damage, piece = error, b""
        if not piece:
            break
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield b"".join([rest, memoryview(piece)[:cut]])
            rest = piece[cut:]
        elif len(rest) <= LONGEST_LINE:
            rest += piece
        else:
            rest = rest[:STUB]
    if rest:
        yield rest
    if damage is not None:
        raise damage


def pieces(file: ByteSource, size: int) -> Iterator[bytes]:
    """Yield the file's content in pieces of at most `size` bytes, unpacked if it begins as gzip does."""
    first = file.read(size)
    while 0 < len(first) < len(GZIP) and (more := file.read(size)):
        first += more
    if first[: len(GZIP)] == GZIP:
        yield from unpacked(first, file, size)
        return
    while first:
        yield first
        first = file.read(size)


def unpacked(packed: bytes, file: ByteSource, size: int) -> Iterator[bytes]:
    """Yield the content of a gzip file, which may have several members (RFC 1952, section 2.2)."""
    member = zlib.decompressobj(wbits=31)
    while packed or not member.eof:
        if not packed:
            packed = file.read(size)
            if not packed:
                raise DamagedFile("the file ends inside its gzip stream")
        try:
            yield from filter(None, [member.decompress(packed, size)])
        except zlib.error as error:
            raise DamagedFile(f"the gzip stream is broken: {error}") from error
        packed = member.unconsumed_tail
        if member.eof:
            packed = member.unused_data or file.read(size)
            if not packed:
                return
            member = zlib.decompressobj(wbits=31)
