"""Run checkov on the translated stacks: `python checkov_translated.py <checkov>`; exit status 1 on any failed check.

On SAM source checkov misses what the transform makes; a check is skipped only in place, with its reason
(Metadata.checkov.skip in the template).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from translated import STACKS, translate


def main(checkov: str) -> int:
    """Translate, check, print a line per failed check and a summary line."""
    with tempfile.TemporaryDirectory() as folder:
        for stack in STACKS:
            (Path(folder) / f"{stack}.json").write_text(json.dumps(translate(stack), indent=1, default=str))
        command = [
            checkov,
            "--directory",
            folder,
            "--framework",
            "cloudformation",
            "--output",
            "json",
            "--quiet",
            "--compact",
            "--skip-download",
        ]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(finished.stdout)
    failed = report["results"]["failed_checks"]
    for check in failed:
        print(f"{check['check_id']} {check['file_path']} {check['resource']}: {check['check_name']}")
    summary = report["summary"]
    print(
        f"checkov {summary['checkov_version']}: {summary['passed']} passed, {summary['failed']} failed, {summary['skipped']} skipped with a reason"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
