"""The peak of memory while so many records are counted and judged, in a process of its own: ``python -m bench.flat RECORDS``."""

import json
import sys
import time
from pathlib import Path

from bench import captured
from muster_numerics.decide import decide


def main() -> None:
    """Count, decide, and print the figures as JSON."""
    records = int(sys.argv[1])
    captured.lines()
    before = peak_kb()
    begun = time.process_time()
    state = captured.count(records)
    decision = decide(state, captured.baseline())
    seconds = time.process_time() - begun
    found = {"rows": state.rows, "verdict": decision.verdict, "seconds": seconds, "before": before, "peak": peak_kb()}
    print(json.dumps(found))  # noqa: T201


def peak_kb() -> int:
    """Return the process's peak of memory. What getrusage tells is the parent's, if that has more."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


if __name__ == "__main__":
    main()
