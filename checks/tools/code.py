"""bandit on the Python that we wrote, detect-secrets on every file of the repository."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from checks.tools.report import Report, command, package, run, unexpected

_FOLDERS = (
    "functions",
    "layers/muster/muster",
    "jobs",
    "models",
    "ops",
    "state_machines",
    "rehearsal",
    "checks",
    "bench",
    "docs",
)
_NOSEC = re.compile(r"# nosec (B\d+) (?:# (?:noqa: \w+|pragma: [a-z ]+) )*[#-] (.+)$")
_ALLOWED = re.compile(r"# pragma: allowlist (secret) - (.+)$")


def bandit(root: Path) -> Report:
    """Run bandit with what pyproject.toml says; a ``nosec`` has its reason on its line."""
    tool = package("bandit")
    ended = run([command("bandit"), "-q", "-c", "pyproject.toml", "-f", "json", "-r", *_FOLDERS], root)
    if not ended.stdout:
        return unexpected(tool, ended)
    report = json.loads(ended.stdout)
    findings = [
        f"{each['filename']}:{each['line_number']}: {each['test_id']} {each['issue_text']}"
        for each in report["results"]
    ]
    findings += [f"{each['filename']}:1: {each['reason']}" for each in report["errors"]]
    accepted = tuple(f"{where}: {rule}: {reason}" for where, (rule, reason) in _marked(root, _NOSEC))
    return Report(tool, f"{report['metrics']['_totals']['loc']} lines", tuple(findings), accepted)


def secrets(root: Path) -> Report:
    """Compare the files that git knows with the baseline, which holds no secret, only what is looked for and left out."""
    tool = package("detect-secrets")
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], root)
    files = [name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    if not files:
        return unexpected(tool, listed)
    ended = run([command("detect-secrets-hook"), "--json", "--baseline", ".secrets.baseline", *files], root)
    if ended.returncode and not ended.stdout:
        return unexpected(tool, ended)
    found = json.loads(ended.stdout)["results"] if ended.stdout else {}
    findings = tuple(
        f"{each['filename']}:{each['line_number']}: {each['type']}" for results in found.values() for each in results
    )
    accepted = tuple(f"{where}: {what}: {reason}" for where, (what, reason) in _marked(root, _ALLOWED))
    return Report(tool, f"{len(files)} files", findings, accepted)


def _marked(root: Path, mark: re.Pattern[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield place and words of every mark in our Python."""
    for folder in (*_FOLDERS, "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if match := mark.search(line):
                    yield f"{path.relative_to(root)}:{number}", match.groups()
