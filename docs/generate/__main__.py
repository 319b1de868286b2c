"""``python -m docs.generate``: write the generated documents.

With ``--check``, write nothing and exit 1 when one of them is stale.
"""

import argparse
import sys
from pathlib import Path

from docs.generate import ROOT, parameters, reference, schemas, workflows
from muster.contracts.drift_report import DriftReport

DOCS = ROOT / "docs"


def rendered_files() -> dict[Path, str]:
    """Return every generated document and its text."""
    deploying = DOCS / "deploying.md"
    return {
        DOCS / "reference.md": reference.page(),
        DOCS / "workflows.md": workflows.page(),
        DOCS / "drift_report.schema.json": schemas.json_schema(DriftReport),
        deploying: parameters.within(deploying.read_text(encoding="utf-8")),
    }


def stale(files: dict[Path, str]) -> list[Path]:
    """Return the documents that are missing, or say something else."""
    return [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str] | None = None) -> int:
    """Render or check; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Render the generated documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a document is stale")
    check = parser.parse_args(arguments).check
    files = rendered_files()
    changed = stale(files)
    if check:
        for path in changed:
            sys.stderr.write(
                f"{path.relative_to(ROOT)}: found another text than the code gives: run `make docs` and commit it\n"
            )
        return 1 if changed else 0
    for path in changed:
        path.write_text(files[path], encoding="utf-8")
    sys.stdout.write(f"rendered {len(files)} documents, {len(changed)} of them changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
