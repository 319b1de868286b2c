"""``python -m checks.tools.sam_validate TEMPLATE…``: `sam validate --lint`, every template in one process.

SAM CLI takes longer to start than to validate. A finding is printed as ``file:1: what SAM said``; exit status 1 on any.
"""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

import click
from samcli.cli.main import cli

from checks.tools.report import REGION


def main(paths: list[str]) -> int:
    """Validate and lint each template for GovCloud West."""
    failed = 0
    for path in paths:
        said = io.StringIO()
        try:
            with redirect_stdout(said), redirect_stderr(said):
                cli(["validate", "--lint", "--region", REGION, "--template", path], standalone_mode=False)
        except (click.ClickException, SystemExit) as error:
            why = error.format_message() if isinstance(error, click.ClickException) else f"exit status {error.code}"
            lines = [line.strip() for line in (said.getvalue() + why).splitlines() if line.strip()]
            sys.stdout.write(f"{path}:1: {' / '.join(lines)}\n")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
