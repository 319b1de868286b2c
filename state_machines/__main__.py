"""``python -m state_machines``: render every workflow, and the table of image accounts, to the files to be committed.

With ``--check``, write nothing and exit 1 when one of them is out of sync.
"""

import argparse
import sys
from pathlib import Path

from state_machines import WORKFLOWS, image_table
from state_machines.extension import quiet
from state_machines.rendering import render, rendered_path


def rendered_files() -> dict[Path, str]:
    """Return every generated file and its text."""
    files = {rendered_path(workflow): render(workflow) for workflow in WORKFLOWS}
    with quiet():
        files[image_table.PATH] = image_table.render()
    return files


def out_of_sync(files: dict[Path, str]) -> list[Path]:
    """Return the files that are missing, or hold something else."""
    return [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def main(arguments: list[str] | None = None) -> int:
    """Render or check; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m state_machines", description="Render what is generated.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of sync")
    check = parser.parse_args(arguments).check
    files = rendered_files()
    stale = out_of_sync(files)
    if check:
        for path in stale:
            sys.stderr.write(
                f"{path}: found another text than its module renders: run `make workflows` and commit it\n"
            )
        return 1 if stale else 0
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
    sys.stdout.write(f"rendered {len(files)} files, {len(stale)} of them changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
