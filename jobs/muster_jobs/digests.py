"""sha256 of files and of JSON, and the check that something is what its name says."""

import hashlib
import json
from pathlib import Path
from typing import Any

from muster_jobs.failure import JobError

CHUNK_BYTES = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the lower-case hex sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_digest(path: Path, wanted: str, what: str) -> None:
    """Raise JobError unless the file is there and has the digest; `what` is how the line calls it."""
    if not path.is_file():
        raise JobError(f"{what}: {path} is missing")
    found = sha256_of(path)
    if found != wanted:
        raise JobError(f"{what}: sha256 is {found}, expected {wanted}; the file is not the one that was recorded")


def read_json(path: Path, what: str) -> Any:
    """Return the JSON of a file; JobError names the file when it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise JobError(f"{what}: {path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise JobError(f"{what}: {path} is not JSON: {error}") from None


def write_json(path: Path, value: Any) -> None:
    """Write canonical JSON: UTF-8, sorted keys, no spaces; a NaN or an infinity is a ValueError, never written."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
