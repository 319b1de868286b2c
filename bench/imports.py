"""How long a fresh process takes to import parts of the shared package, from the layer as it is built, as in Lambda."""

import statistics
import subprocess
import time
from pathlib import Path

from ops.console import out, table
from ops.invoking import runtime
from ops.invoking.command import BUILT
from ops.invoking.functions import functions_of

REPEATS = 7
CASES = (
    ("Python alone", "pass"),
    ("rules: muster.gates", "import muster.gates"),
    ("contracts", "import muster.contracts.pipeline, muster.contracts.deployment"),
    ("runtime: Powertools, parser, tracer", "import muster.runtime"),
    ("boto3, no client", "import boto3"),
    ("an adapter: muster.aws.ledger", "import muster.aws.ledger"),
)


def show() -> bool:
    """Print the table; importing has no bound of its own, the functions' initialisation has."""
    rows, alone = [], 0.0
    packages = next(iter(functions_of(BUILT).values())).layers[0] / "python"
    for name, code in CASES:
        seconds = statistics.median(_seconds(code, packages) for _ in range(REPEATS))
        alone = alone or seconds
        rows.append((name, f"{1000 * (seconds - alone):.0f}", f"{seconds / alone:.1f}"))
    out.print(table(["import", "ms beyond Python's start", "ratio to Python alone"], rows, right=(1, 2)))
    return True


def _seconds(code: str, packages: Path) -> float:
    variables = {"PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1", "AWS_REGION": "us-gov-west-1"}
    begun = time.perf_counter()
    subprocess.run([runtime.python()[0], "-S", "-c", code], check=True, env=variables)
    return time.perf_counter() - begun
