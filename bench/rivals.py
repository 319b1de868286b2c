"""Evidently's default drift report on the columns that Muster judges: in an environment of its own, which make sets up.

Not like for like: Evidently reads the baseline's rows again each time, and also makes the figures of its page; Muster reads
a baseline that was counted once.
"""

import json
import subprocess
from pathlib import Path

from bench import captured
from bench.monitoring import seconds
from muster_numerics.baseline import Baseline
from muster_numerics.columns import Columns
from muster_numerics.decide import decide
from muster_numerics.sketch import observe
from ops.console import out, table

PYTHON = Path(__file__).resolve().parents[1] / ".venv" / "bench" / "bin" / "python"
ROWS = (1_000, 100_000)


def show() -> bool:
    """Print the table; nothing here has a bound."""
    if not PYTHON.exists():
        out.print(f"not measured: found no {PYTHON}, wanted the environment that `make bench PART=rivals` sets up")
        return True
    rows = []
    for number in ROWS:
        command = [str(PYTHON), "-W", "ignore", "-m", "bench.rivals_run", str(number)]
        told = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])
        found = json.loads(told.stdout.splitlines()[-1])
        ours = _ours(captured.window(number))
        rows.append((f"{number:,}", f"{ours:.3f}", f"{found['seconds']:.2f}", f"{found['seconds'] / ours:.0f}"))
    out.print(table(["rows, 35 columns", "Muster, s", "Evidently, s", "ratio"], rows, right=(0, 1, 2, 3)))
    out.print(f"Evidently {found['version']}, {captured.BASELINE_ROWS:,} rows of reference; no import time counted")
    return True


def _ours(columns: Columns) -> float:
    base = captured.baseline()
    features = Baseline({name: base.columns[name] for name in columns})
    return seconds(lambda: decide(observe(columns, features.grid), features))
