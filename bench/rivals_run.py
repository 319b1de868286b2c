"""Evidently's part, in its own environment: ``python -m bench.rivals_run ROWS`` prints the seconds as JSON."""

import json
import sys
import time

import pandas as pd  # type: ignore[import-untyped]
from evidently import Report, __version__  # type: ignore[import-not-found]
from evidently.presets import DataDriftPreset  # type: ignore[import-not-found]

from bench import captured
from muster_numerics.columns import Columns


def frame(columns: Columns) -> pd.DataFrame:
    """Return the columns as a frame."""
    return pd.DataFrame({name: column.values for name, column in columns.items()})


def main() -> None:
    """Make the report once, and print how long it took."""
    current, reference = frame(captured.window(int(sys.argv[1]))), frame(captured.window(captured.BASELINE_ROWS))
    begun = time.process_time()
    Report([DataDriftPreset()]).run(current, reference).dict()
    print(json.dumps({"seconds": time.process_time() - begun, "version": __version__}))  # noqa: T201


if __name__ == "__main__":
    main()
