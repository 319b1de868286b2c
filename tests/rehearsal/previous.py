"""The previous version's functions, layer and workflows, kept so that an upgrade can be rehearsed from any checkout.

They are an archive, not a revision to check out: a build system's checkout often has no history. At a release it is
made anew from the release's tag, after which the next version is tested against it:

    .venv/bin/python -m tests.rehearsal.previous v1.0.0
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from muster import digests

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "fixtures" / "previous_version"
ARCHIVE, VERSION = KEPT / "deployable.tar.gz", KEPT / "version.json"
CODE = ("functions", "layers/muster", "jobs", "policy.yaml", ":(glob)state_machines/*.asl.json")
"""What runs when Muster works. Templates are not in it: CloudFormation brings them up to date before the code."""


LATER = ("monitoring", "capture.controlled_fields", "retraining.weekly_budget", "retraining.require_new_data")
"""Members of a spec that the previous version does not know. Its own `publish` would not have written them."""


def keep(revision: str) -> None:
    """Make the archive from a revision of this repository, and note which it was."""
    archive = _git("archive", "--format=tar.gz", revision, *CODE)
    KEPT.mkdir(parents=True, exist_ok=True)
    ARCHIVE.write_bytes(archive)
    named = {"revision": _git("rev-parse", f"{revision}^{{commit}}").decode().strip(), "named": revision}
    VERSION.write_text(json.dumps(named, indent=2) + "\n", encoding="utf-8")


def spec_of_then(data: bytes) -> bytes:
    """Return a published spec as the previous version's `publish` would have written it."""
    spec = json.loads(data)
    for path in LATER:
        *parents, last = path.split(".")
        functools.reduce(lambda place, name: place[name], parents, spec).pop(last)
    return digests.canonical(spec)


def lay_out(folder: Path) -> Path:
    """Lay today's templates and the previous version's code out in a folder, and return the root template.

    This is what an account holds halfway through an upgrade: names, permissions and settings are today's, the code is
    not yet. A function that the previous version did not have is today's. Pins are today's too, since the rehearsal
    runs every function with the packages of its own interpreter.
    """
    lay_out_today(folder)
    for old in ("layers/muster/muster", "jobs"):
        shutil.rmtree(folder / old)
    with tarfile.open(ARCHIVE) as archive:
        functions = {Path(name).parts[1] for name in archive.getnames() if name.startswith("functions/")}
        for name in functions - {"__init__.py"}:
            shutil.rmtree(folder / "functions" / name, ignore_errors=True)
        members = [each for each in archive.getmembers() if not each.name.endswith("requirements.txt")]
        archive.extractall(folder, members=members, filter="tar")
    return folder / "template.yaml"


def lay_out_today(folder: Path) -> Path:
    """Copy what deploys of this checkout to a folder, for changing it there, and return the root template."""
    folder.mkdir(parents=True)
    left_out = shutil.ignore_patterns("__pycache__", "*.py")
    shutil.copytree(ROOT / "stacks", folder / "stacks")
    shutil.copytree(ROOT / "state_machines", folder / "state_machines", ignore=left_out)
    for name in ("functions", "layers", "jobs"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("template.yaml", "policy.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return folder / "template.yaml"


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("wanted one argument: the tag or commit of the release, such as v1.0.0")
    keep(sys.argv[1])
