"""What it costs to watch an endpoint, as a function of its records: transitions, Lambda, S3 requests, from measured speed.

The path is that of the rendered workflow, batches and memory are those of policy.yaml and of the template. A function is
taken to be as fast for its memory as this machine's core is for a whole one (1,769 MB, Lambda developer guide, "Configure
Lambda function memory"). Prices are list prices of us-east-1 but for transitions (`bench.cost`); none was found for GovCloud.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cost import GB_SECOND, REQUEST, TRANSITION
from muster.aws.documents import policy
from ops.console import out, table
from rehearsal.template.loading import parse as parse_template
from state_machines.limits import SKETCH_CONCURRENCY

EXPRESS_REQUEST, EXPRESS_GB_SECOND, EXPRESS_GB = 1.00 / 1e6, 0.00001667, 0.0625
"""Dollars, and the least memory that is charged (aws.amazon.com/step-functions/pricing)."""
S3_PUT, S3_GET = 0.005 / 1e3, 0.0004 / 1e3
"""Dollars, S3 Standard (aws.amazon.com/s3/pricing)."""
CORE_MB = 1_769
FILE_BYTES = 2**20
"""Of a captured file; nothing says how large SageMaker makes them."""
OTHER_SECONDS, OTHER_GB = 6.0, 1.0
"""Of plan_window, measure_quality and assess_window of a small window together: assumed, from the rehearsal."""
ADD_SECONDS = 0.005
"""Of reading and adding one batch's state: 16 at a time."""
RECORDS = (0, 10_000, 100_000, 1_000_000, 10_000_000, 1_000_000_000)
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Window:
    """What one window takes.

    Attributes
    ----------
    batches, transitions
        Parts that are counted apart; transitions of the Standard workflow, with one for each child of a Map Run, which
        no source says is free.
    gb_seconds, requests
        Of Lambda.
    express_gb_seconds
        Of the children.
    puts, gets
        Requests to S3.
    minutes
        Until all is counted, so many batches at a time.
    """

    batches: int
    transitions: int
    gb_seconds: float
    requests: int
    express_gb_seconds: float
    puts: int
    gets: int
    minutes: float

    @property
    def dollars(self) -> float:
        """The cost."""
        children = self.batches if self.batches > 1 else 0
        return (
            self.transitions * TRANSITION
            + self.gb_seconds * GB_SECOND
            + self.requests * REQUEST
            + children * EXPRESS_REQUEST
            + self.express_gb_seconds * EXPRESS_GB_SECOND
            + self.puts * S3_PUT
            + self.gets * S3_GET
        )


def window(records: int, per_second: float, record_bytes: float, memory_mb: int) -> Window:
    """Return what a window of so many records takes, of one endpoint, without drift and without attribution.

    Parameters
    ----------
    records
        In the window; of none, planning alone is paid for.
    per_second
        Records that one core counts in a second.
    record_bytes
        Mean size of a record.
    memory_mb
        Of `sketch_batch`.
    """
    floor, size = policy()[0].monitoring, records * record_bytes
    batches = math.ceil(size / floor.batch_bytes)
    files = math.ceil(size / FILE_BYTES)
    several = batches if batches > 1 else 0
    seconds = records / per_second * CORE_MB / min(memory_mb, CORE_MB)
    assessing = OTHER_SECONDS + batches * ADD_SECONDS if records else 1.0
    return Window(
        batches=batches,
        transitions=len(path(several=batches > 1)) + several if records else len(path_of_nothing()),
        gb_seconds=seconds * memory_mb / 1024 + assessing * OTHER_GB,
        requests=batches + 3 if records else 1,
        express_gb_seconds=seconds * EXPRESS_GB if several else 0.0,
        puts=2 * batches + 10 if records else 0,
        gets=files + 3 * batches + 10 if records else 2,
        minutes=(seconds / min(max(batches, 1), SKETCH_CONCURRENCY) + assessing) / 60,
    )


def path(*, several: bool) -> list[str]:
    """Return the states that a window goes through when nothing is found."""
    return _walk({"Ready?": "OneBatch?", "OneBatch?": "SketchBatches" if several else "SketchOneBatch"})


def path_of_nothing() -> list[str]:
    """Return the states of a window without a record."""
    return _walk({})


def _walk(chosen: Mapping[str, str]) -> list[str]:
    """Follow the rendered workflow, taking the default of each choice that is not named."""
    workflow: dict[str, Any] = json.loads((_ROOT / "state_machines" / "monitoring.asl.json").read_text())
    at, passed = workflow["StartAt"], []
    while at:
        passed.append(at)
        state = workflow["States"][at]
        at = chosen.get(at, state["Default"]) if state["Type"] == "Choice" else state.get("Next")
    return passed


def memory() -> int:
    """Return the memory of `sketch_batch` in MB, from the template."""
    template = parse_template((_ROOT / "stacks" / "drift.yaml").read_text())
    return int(template["Resources"]["SketchBatchFunction"]["Properties"]["MemorySize"])


def show(per_second: float, record_bytes: float) -> None:
    """Print the cost of a window by its number of records, and the two figures of which it is a function."""
    memory_mb, rows = memory(), []
    for records in RECORDS:
        found = window(records, per_second, record_bytes, memory_mb)
        rows.append(
            (
                f"{records:,}",
                f"{found.batches:,}",
                f"{found.transitions:,}",
                f"{found.gb_seconds:,.1f}",
                f"{found.puts + found.gets:,}",
                f"{found.minutes:.1f}",
                f"{found.dollars:.5f}",
            )
        )
    columns = ["records in a window", "batches", "transitions", "Lambda GB-s", "S3 requests", "minutes", "$"]
    out.print(table(columns, rows, right=range(len(columns))))
    few, many = (window(each, per_second, record_bytes, memory_mb) for each in (10_000, 1_000_000_000))
    each = (many.dollars - few.dollars) / (1e9 - 1e4) * 1e6
    out.print(
        f"a window costs about ${few.dollars:.4f}, and ${each:.4f} for each million records beyond the first: with one an "
        f"hour, ${few.dollars * 24 * 30:.2f} a month for an endpoint with little traffic"
    )
