"""``python -m checks [folder]``: runs every check over a checkout, prints a table and each finding; exit status 1 on any."""

import sys
from collections.abc import Callable
from pathlib import Path

from checks import addresses, images, jobs, partitions, payloads, permissions, requests, tasks, transitions, waits
from checks.findings import Finding, Result
from checks.tree import Tree

CHECKS: dict[str, Callable[[Tree], Result]] = {
    "partitions": partitions.check,
    "addresses": addresses.check,
    "images": images.check,
    "transitions": transitions.check,
    "tasks": tasks.check,
    "waits": waits.check,
    "requests": requests.check,
    "jobs": jobs.check,
    "payloads": payloads.check,
    "permissions": permissions.check,
}


def run(root: Path) -> dict[str, Result]:
    """Return what each check finds in a checkout, or in a copy of what deploys."""
    tree = Tree(root)
    return {name: check(tree) for name, check in CHECKS.items()}


def main(root: Path) -> int:
    """Print a table and the findings."""
    results = run(root)
    width = max(map(len, results))
    for name, each in results.items():
        count = len(each.findings)
        sys.stdout.write(f"checks: {name:{width}}  {count or 'no'} finding{'s' * (count != 1)}  ({each.looked_at})\n")
    findings: list[Finding] = sorted(finding for each in results.values() for finding in each.findings)
    sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
