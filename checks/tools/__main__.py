"""``python -m checks.tools lint|prove [--accepted]``: a line per tool, then every finding; exit status 1 on any."""

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks.tools import asl, cfn, checkov, code, guard, sam
from checks.tools.report import Report

Tool = Callable[[Path], Report]
LINT: tuple[tuple[Tool, ...], ...] = (
    (sam.validate,),
    (code.secrets,),
    (checkov.check,),
    (code.bandit,),
    (cfn.lint,),
    (asl.statelint,),
)
PROVE: tuple[tuple[Tool, ...], ...] = ((sam.build, sam.upload), (guard.check, asl.asl_validator))
"""Two of a group run at a time; the tools within one follow each other."""


def main() -> int:
    """Run one set of tools."""
    parser = argparse.ArgumentParser(prog="python -m checks.tools")
    parser.add_argument("set", choices=("lint", "prove"))
    parser.add_argument("--accepted", action="store_true", help="list what is accepted, with its reasons")
    given = parser.parse_args()
    root = Path.cwd()

    def run(group: tuple[Tool, ...]) -> list[Report]:
        return [tool(root) for tool in group]

    with ThreadPoolExecutor(2) as pool:
        reports = [report for done in pool.map(run, LINT if given.set == "lint" else PROVE) for report in done]
    for report in reports:
        sys.stdout.write(f"{report}\n")
        if given.accepted:
            sys.stdout.writelines(f"    {each}\n" for each in report.accepted)
    findings = [finding for report in reports for finding in report.findings]
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
