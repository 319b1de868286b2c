"""``python -m checks.permissions``: print the IAM table and what is wrong with it; exit status 1 if anything is.

``--record`` first rehearses the end-to-end tests and the demo (some minutes) and writes what their roles and
people used to ``recorded.json``. ``--write`` writes ``docs/permissions.md``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checks.permissions import recording, report
from checks.permissions.application import ROOT, read
from checks.permissions.check import check, table
from checks.tree import Tree
from rehearsal import record

DOCUMENT = ROOT / "docs" / "permissions.md"
_TESTS = ROOT / "tests" / "rehearsal"
_HOLDS_THE_RECORD = _TESTS / "test_end_to_end_permissions.py"
_REHEARSALS = (
    ("pytest", "-q", *(str(each) for each in sorted(_TESTS.glob("test_end_to_end_*.py")) if each != _HOLDS_THE_RECORD)),
    ("ops", "demo"),
)


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m checks.permissions", description=__doc__)
    parser.add_argument("--record", action="store_true", help="rehearse, and refresh recorded.json")
    parser.add_argument("--write", action="store_true", help="write docs/permissions.md")
    given = parser.parse_args(arguments)
    if given.record:
        _record()
    made = table(ROOT)
    if given.write:
        DOCUMENT.write_text(report.markdown(made), encoding="utf-8")
    found = check(Tree(ROOT))
    lines = [*map(str, found.findings), report.summary(made)]
    lines.append(f"permissions: {found.looked_at}, {len(found.findings)} findings")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if found.findings else 0


def _record() -> None:
    """Rehearse with the environment that makes every rehearsal leave its record, and join what they left."""
    application = read()
    with tempfile.TemporaryDirectory() as folder:
        for module, *words in _REHEARSALS:
            environment = {**os.environ, record.FOLDER: folder}
            subprocess.run([sys.executable, "-m", module, *words], cwd=ROOT, env=environment, check=True)
        records = [record.load(path) for path in sorted(Path(folder).iterdir())]
    joined: recording.Recorded = {}
    for each in records:
        if each.template == str(ROOT / "template.yaml"):  # and not a copy of it that a test has changed
            joined = recording.merged(joined, recording.summary(application, each))
    recording.save(joined)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
