"""checkov on the translated stacks: on SAM source it misses what the transform makes.

A check is skipped only in place, with its reason (Metadata.checkov.skip in the template).
"""

import json
import tempfile
from pathlib import Path

from checks.tools import templates
from checks.tools.report import Report, run, unexpected

_CHECKOV = ".venv/checkov/bin/checkov"  # in an environment of its own: it pins boto3 and much else


def check(root: Path) -> Report:
    """Run every check for CloudFormation."""
    with tempfile.TemporaryDirectory() as folder:
        count = templates.write_translated(root, Path(folder))
        options = ["--framework", "cloudformation", "--output", "json", "--compact", "--skip-download"]
        ended = run([str(root / _CHECKOV), "--directory", folder, *options], root)
    if not ended.stdout:
        return unexpected("checkov", ended)
    report = json.loads(ended.stdout)
    results, summary = report["results"], report["summary"]
    findings = tuple(
        f"{_place(root, each)}: {each['check_id']} {each['check_name']}" for each in results["failed_checks"]
    )
    accepted = tuple(
        f"{_place(root, each)}: {each['check_id']}: {each['check_result']['suppress_comment']}"
        for each in results["skipped_checks"]
    )
    return Report(
        f"checkov {summary['checkov_version']}", f"{count} templates, {summary['passed']} passed", findings, accepted
    )


def _place(root: Path, check: dict[str, str]) -> str:
    return f"{templates.source_of(root, Path(check['file_path']))}: {check['resource'].rpartition('.')[2]}"
