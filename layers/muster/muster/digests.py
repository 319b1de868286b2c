"""Canonical JSON and sha256: how everything in Muster is named and bound.

Canonical JSON is UTF-8 with sorted keys, no spaces and no NaN, so that equal values have equal bytes and so one
digest. It is RFC 8785's form for what Muster writes (texts, integers, plain decimals), without that standard's rules
for exotic floats.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from muster.contracts.base import Contract
from muster.errors import ContractError, DigestMismatch

_CHUNK = 1024 * 1024


def canonical(value: object) -> bytes:
    """Return the canonical JSON of a contract or of plain data.

    Raises
    ------
    ContractError
        For NaN, infinities, keys that are not text, and anything that JSON cannot hold.
    """
    data = value.payload() if isinstance(value, Contract) else value
    _refuse_keys_that_are_not_text(data)
    try:
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"canonical JSON: found {type(value).__name__} ({error}), wanted finite JSON data"
        ) from error


def _refuse_keys_that_are_not_text(data: object) -> None:
    # json.dumps would write {1: …} as {"1": …}: two different values with one digest.
    if isinstance(data, Mapping):
        for key, each in data.items():
            if not isinstance(key, str):
                raise ContractError(f"canonical JSON: found the key {key!r}, wanted text")
            _refuse_keys_that_are_not_text(each)
    elif isinstance(data, list | tuple):
        for each in data:
            _refuse_keys_that_are_not_text(each)


def sha256(data: bytes) -> str:
    """Return the lower-case hex sha256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_chunks(chunks: Iterable[bytes]) -> tuple[str, int]:
    """Return the hex sha256 and the length of bytes that come in pieces."""
    state, length = hashlib.sha256(), 0
    for chunk in chunks:
        state.update(chunk)
        length += len(chunk)
    return state.hexdigest(), length


def digest_of(value: object) -> str:
    """Return the digest of a value: the sha256 of its canonical JSON."""
    return sha256(canonical(value))


def digest_of_files(files: Mapping[str, bytes]) -> str:
    """Return the digest of a folder: the sha256 of the canonical list of its files (relative path, sha256, length)."""
    listing = [{"path": path, "sha256": sha256(data), "bytes": len(data)} for path, data in sorted(files.items())]
    return digest_of({"schema": 1, "files": listing})


def check(what: str, data: bytes, wanted: str) -> bytes:
    """Return the bytes when their sha256 is the wanted one.

    Raises
    ------
    DigestMismatch
        Names the object, the digest found and the digest wanted.
    """
    found = sha256(data)
    if found != wanted:
        raise DigestMismatch(
            f"{what}: found sha256 {found}, wanted {wanted}; it is not what was pinned, nothing was done"
        )
    return data
