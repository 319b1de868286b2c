"""Speed, memory and cost of the statistics: columns to a verdict, capture files to a verdict, ten thousand states to one.

Times are the process's own (`time.process_time`), the least of some repeats, so that other work on the machine counts less;
beside each is what a plain way takes in the same run. One thread.
"""

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from bench import captured, monitoring_cost
from muster_numerics import report_document, report_html
from muster_numerics.baseline import Baseline
from muster_numerics.capture import Tally
from muster_numerics.columns import Columns, Numeric
from muster_numerics.decide import Decision, Rules, decide
from muster_numerics.sketch import State, merge, observe, state_from_json, state_to_json
from ops.console import out, table

ROWS, RECORDS, STATES = 1_000_000, 200_000, 10_000
LEAST_ROWS, LEAST_RECORDS = 3.0e6, 0.35e6
"""A second, on one core."""
MOST_MB = 512.0
MEMORY_RECORDS = (10_000, 1_000_000)
MANY_RECORDS = 10_000_000
MANY = "MUSTER_BENCH_MANY"
"""Set in the environment, memory is measured at `MANY_RECORDS` too, which takes a minute."""
_REPEATS = 5
_PLAIN_LINES = 5_000


def show() -> bool:
    """Print the tables; whether every bound holds."""
    columns = captured.window(ROWS)
    kept = show_columns(columns)
    del columns
    gc.collect()
    per_second = show_capture()
    kept &= per_second >= LEAST_RECORDS
    kept &= show_memory()
    show_merge()
    monitoring_cost.show(per_second, len(captured.lines()) / captured.DISTINCT_RECORDS)
    return kept


def show_columns(columns: Columns) -> bool:
    """Print how fast columns in memory are judged, beside a pass over the memory and SciPy's test of each column."""
    base = captured.baseline()
    features = Baseline({name: base.columns[name] for name in columns})
    numbers = [column.values for column in columns.values() if isinstance(column, Numeric)]
    reference = {
        name: c.values for name, c in captured.window(captured.BASELINE_ROWS).items() if isinstance(c, Numeric)
    }
    ours = seconds(lambda: decide(observe(columns, features.grid), features))
    memory = seconds(lambda: [float(np.fmax.reduce(values)) for values in numbers])
    scipy = seconds(
        lambda: [
            stats.ks_2samp(values, column.values, method="asymp", nan_policy="omit").pvalue
            for name, values in reference.items()
            if isinstance(column := columns[name], Numeric)
        ],
        repeats=1,
    )
    rows = [
        ("Muster: counts, tests, verdict, 35 columns", ours),
        ("NumPy: greatest value of 30 columns, a pass over the memory", memory),
        ("SciPy: ks_2samp of 30 columns", scipy),
    ]
    out.print(
        table(
            [f"{ROWS:,} rows in memory", "s", "M rows/s", "times Muster's time"],
            [(name, f"{took:.3f}", f"{ROWS / took / 1e6:.2f}", f"{took / ours:.2f}") for name, took in rows],
            right=(1, 2, 3),
        )
    )
    out.print(f"wanted at least {LEAST_ROWS / 1e6:.0f} M rows/s: {'yes' if ROWS / ours >= LEAST_ROWS else 'no'}\n")
    return ROWS / ours >= LEAST_ROWS


def show_capture() -> float:
    """Print how fast captured records are judged, beside the standard library's reading of them; return records a second."""
    content = captured.lines()
    lines = content.splitlines()[:_PLAIN_LINES]
    ours = RECORDS / seconds(lambda: decide(captured.count(RECORDS), captured.baseline()))
    plain = _PLAIN_LINES / seconds(lambda: [_plainly(line) for line in lines])
    envelope = _PLAIN_LINES / seconds(lambda: [json.loads(line) for line in lines])
    rows = [
        ("Muster: file to verdict", ours),
        ("json.loads alone", envelope),
        ("json.loads, split, float", plain),
    ]
    size = len(content) / captured.DISTINCT_RECORDS
    out.print(
        table(
            [f"captured records of {size:.0f} bytes, 35 fields", "M records/s", "MB/s", "Muster is faster by"],
            [(name, f"{rate / 1e6:.3f}", f"{rate * size / 1e6:.0f}", f"{ours / rate:.1f}") for name, rate in rows],
            right=(1, 2, 3),
        )
    )
    out.print(f"wanted at least {LEAST_RECORDS / 1e6} M records/s: {'yes' if ours >= LEAST_RECORDS else 'no'}\n")
    return ours


def _plainly(line: bytes) -> list[float | str | None]:
    text: str = json.loads(line)["captureData"]["endpointInput"]["data"]
    found = text.split(",")
    return [float(each) if each else None for each in found[:30]] + found[30:]


def show_memory() -> bool:
    """Print the peak of memory by number of records, each in a process of its own."""
    rows, kept = [], True
    for records in (*MEMORY_RECORDS, *([MANY_RECORDS] if os.environ.get(MANY) else [])):
        command = [sys.executable, "-m", "bench.flat", str(records)]
        told = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])
        found = json.loads(told.stdout)
        peak = found["peak"] * 1024 / 1e6
        kept &= peak < MOST_MB and found["rows"] == records
        rows.append((f"{records:,}", f"{found['before'] * 1024 / 1e6:.0f}", f"{peak:.0f}", f"{found['seconds']:.1f}"))
    out.print(table(["records", "MB before the first", "MB at the peak", "s"], rows, right=(0, 1, 2, 3)))
    out.print(f"wanted under {MOST_MB:.0f} MB: {'yes' if kept else 'no'}\n")
    return kept


def show_merge() -> None:
    """Print what it takes to add ten thousand states, to decide, and how large the report is."""
    state = captured.count(captured.DISTINCT_RECORDS)
    text = json.dumps(state_to_json(state))

    def add_all() -> State:
        total = State()
        for _ in range(STATES):
            total = merge(total, state_from_json(json.loads(text)))
        return total

    total = add_all()
    added = seconds(add_all, repeats=1)
    tracemalloc.start()
    add_all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    decided = seconds(lambda: decide(total, captured.baseline()))
    decision = decide(state, captured.baseline())
    document = _document(state, decision)
    page = report_html.render(document)
    rows = [
        ("a state, as JSON", f"{len(text) / 1e3:.1f} kB"),
        (f"{STATES:,} states parsed and added", f"{added:.2f} s, {peak / 1e6:.1f} MB at the peak"),
        ("a decision over 36 columns", f"{1000 * decided:.1f} ms"),
        ("drift_report.json", f"{len(json.dumps(document)) / 1e3:.0f} kB"),
        ("report.html", f"{len(page.encode()) / 1e3:.0f} kB"),
    ]
    out.print(table(["one window", ""], rows, right=(1,)))
    out.print("")


def _document(state: State, decision: Decision) -> dict[str, object]:
    digest = "0" * 64
    watched = {
        "subject": "endpoint",
        "run": "0" * 20,
        "model": "bench",
        "endpoint": "bench",
        "package_arn": "arn:aws:sagemaker:us-gov-west-1:111122223333:model-package/bench/1",
        "evidence_digest": digest,
        "window": {"start": "2026-11-21T09:00:00Z", "end": "2026-11-21T10:00:00Z"},
        "spec": {"uri": "s3://bench/spec.json", "digest": digest},
        "baseline": {
            "baseline": {"uri": "s3://bench/baseline.json", "digest": digest},
            "rows": captured.BASELINE_ROWS,
        },
    }
    return report_document.build(
        watched=watched,
        plan={"files": 1, "bytes": 1, "late_files": 0, "gaps": []},
        at="2026-11-21T10:00:00Z",
        evidence_uri="s3://bench/monitoring/",
        outcome=decision.verdict if decision.verdict != "drift" else "suspected",
        decision=decision,
        state=state,
        baseline=captured.baseline(),
        tally=Tally(records=state.rows, rows=state.rows),
        rules=Rules(),
        controlled=(),
        confirmation={"reason": "", "announce": False, "episode": None, "windows": [], "rule": None},
        quality=None,
        attribution=None,
        history=[],
    )


def seconds(work: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return the process's time for some work, the least of some repeats."""
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)
