"""Muster's own job code in the records bucket: put there once per digest, by the functions that plan jobs.

The code travels with the layer (``muster/jobs``), so the code that a deployed version runs is the code of that version.
With network isolation a container cannot fetch it: it is an input of the job, from a key that is named by its digest.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from muster.aws.s3 import ObjectStore
from muster.digests import digest_of_files
from muster.errors import NotFound
from muster.naming import jobs_prefix, s3_uri
from muster.settings import Settings

_THREADS = 8
FOLDER = Path(__file__).resolve().parent.parent / "jobs"
# Buckets and digests that this execution environment has seen complete: it lives for hours, their retention for years.
_published: set[tuple[str, str]] = set()


@lru_cache(maxsize=4)
def files(folder: Path = FOLDER) -> dict[str, bytes]:
    """Return the job code: relative path to content.

    Raises
    ------
    NotFound
        When the package was built without it.
    """
    paths = (Path(place, name) for place, _, names in os.walk(folder, followlinks=True) for name in names)
    code = (path for path in sorted(paths) if path.suffix == ".py" and path.parent.name != "__pycache__")
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in code}
    if not found:
        raise NotFound(
            f"{folder}: found no job code, wanted Muster's jobs/*.py in the layer: build it with `sam build`"
        )
    return found


def publish(settings: Settings, store: ObjectStore) -> str:
    """Make sure that the job code stands in the records bucket, and return its digest."""
    code = files()
    digest = digest_of_files(code)
    place = (settings.records_bucket, digest)
    if place not in _published:

        def put(path: str) -> None:
            store.write(s3_uri(place[0], jobs_prefix(digest) + path), code[path], "text/x-python", locked=True)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(put, code))
        _published.add(place)
    return digest
