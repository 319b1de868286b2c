"""Hash a training set that is too large for a function, in a SageMaker Processing job.

Reads the objects that the listing names from the mounted folder and writes ``hashes.json``:
``{"objects": [{"key", "sha256", "bytes"}, ...]}``, sorted by key.
"""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from muster_jobs.digests import read_json, sha256_of, write_json
from muster_jobs.failure import JobError, run_job


def main() -> None:
    """Hash every listed object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="folder with the objects below the listing's prefix")
    parser.add_argument(
        "--listing", type=Path, required=True, help='{"prefix": ..., "objects": [{"key", "bytes"}, ...]}'
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for hashes.json")
    arguments = parser.parse_args()
    listing = read_json(arguments.listing, "listing")
    if not listing["objects"]:
        raise JobError(f"listing: there is no object below {listing['prefix']}")

    def hashed(entry: dict) -> dict:
        return hash_object(entry, arguments.data / entry["key"][len(listing["prefix"]) :])

    # hashlib releases the interpreter lock while it works on a block: threads use every core.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        hashes = list(pool.map(hashed, sorted(listing["objects"], key=lambda entry: entry["key"])))
    write_json(arguments.output / "hashes.json", {"objects": hashes})
    print(f"hashed {len(hashes)} objects, {sum(entry['bytes'] for entry in hashes)} bytes")


def hash_object(entry: dict, path: Path) -> dict:
    """Return key, sha256 and size of one object; JobError when it is not what was listed."""
    if not path.is_file():
        raise JobError(f"{entry['key']}: listed, but not found in {path.parent}")
    size = path.stat().st_size
    if size != entry["bytes"]:
        raise JobError(f"{entry['key']}: {size} bytes, but listed with {entry['bytes']}; it changed meanwhile")
    return {"key": entry["key"], "sha256": sha256_of(path), "bytes": size}


if __name__ == "__main__":
    run_job("hash_objects.py", main)
