"""Removes from a built layer what no function uses: service models of botocore, stubs, caches.

botocore carries the models of some 400 services, 25 of its 29 MB. A function that needs another service adds it to
`SERVICES`; a test holds the list against the clients that the shared package makes.

Usage: ``python trim.py <layer>/python``
"""

import shutil
import sys
from pathlib import Path

SERVICES = frozenset(
    {
        "cloudtrail",
        "cloudwatch",
        "dynamodb",
        "events",
        "kms",
        "logs",
        "s3",
        "sagemaker",
        "sagemaker-runtime",
        "sns",
        "stepfunctions",
        "xray",  # not ours: the X-Ray SDK makes a client when it is imported
    }
)


def trim(packages: Path) -> None:
    """Trim the packages in a folder, in place.

    Raises
    ------
    SystemExit
        When a service of `SERVICES` is not there: a misspelt name, or botocore's layout has changed.
    """
    models = packages / "botocore" / "data"
    missing = sorted(SERVICES - {each.name for each in models.glob("*/")})
    if missing:
        sys.exit(f"{models}: found no model of {', '.join(missing)}; wanted every service of trim.py's SERVICES")
    unused = [each for each in models.iterdir() if each.is_dir() and each.name not in SERVICES]
    unused += [
        packages / "boto3" / "examples",
        packages / "boto3" / "data",
        *packages.glob("*-stubs"),
        packages / "bin",
    ]
    for folder in (*unused, *packages.rglob("__pycache__")):
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
