"""What a tool says, whatever it is called there: its version, what it looked at, findings, and what is accepted."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

REGION = "us-gov-west-1"
_NO_ACCOUNT = {
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none"),  # some tools want any; none calls AWS
    "AWS_DEFAULT_REGION": REGION,
    "SAM_CLI_TELEMETRY": "0",
}


@dataclass(frozen=True)
class Report:
    """One tool's verdict.

    Attributes
    ----------
    findings
        ``file:line: message`` where the tool says the line.
    accepted
        What the tool finds and we accept: where, what, and after a colon the reason that stands beside it.
    """

    tool: str
    looked_at: str
    findings: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line of the table."""
        accepted = f", {len(self.accepted)} accepted with a reason" if self.accepted else ""
        count = len(self.findings)
        return f"{self.tool}: {count or 'no'} finding{'s' * (count != 1)}{accepted} ({self.looked_at})"


def package(name: str) -> str:
    """Return a Python tool's name with its version."""
    return f"{name} {version(name)}"


def command(name: str) -> str:
    """Return the path of a program of this Python's environment."""
    return str(Path(sys.executable).parent / name)


def run(
    arguments: Sequence[str], root: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a tool in the checkout, without an account, and return what it said."""
    given = {
        **os.environ,
        **_NO_ACCOUNT,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **(environment or {}),
    }
    return subprocess.run(arguments, cwd=root, env=given, capture_output=True, text=True, check=False)


def unexpected(tool: str, ended: subprocess.CompletedProcess[str]) -> Report:
    """Return the report of a tool that did not do its work: that is a finding."""
    said = (ended.stderr or ended.stdout).strip().splitlines()
    return Report(tool, "nothing", (f"{tool}: ended with status {ended.returncode}: {' / '.join(said[-3:])}",))
