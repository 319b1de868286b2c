"""A window of ten thousand batches stays inside the limits of Step Functions: computed from the plan's code and the rendered ASL.

Limits are those of the developer guide's "Step Functions service quotas".
"""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muster import digests, monitoring
from muster.captures import CapturedFile
from muster.contracts.monitoring import PlanRecord, SketchBatch
from muster.contracts.spec_monitoring import MonitoringSpec
from muster.errors import DataRefused
from state_machines.limits import EXPRESS_SECONDS, PAYLOAD_BYTES, SKETCH_BATCHES, SKETCH_CONCURRENCY
from tests.state_machines.harness import definition, execute
from tests.state_machines.scenes_monitoring import WATCHED, monitoring_scene
from tests.unit.samples import policy

START = datetime(2026, 11, 21, 8, tzinfo=UTC)
MOST_CHILDREN_AT_ONCE = 10_000
MOST_EVENTS = 25_000
EXPRESS_PAYLOAD_BYTES = 256 * 1024
YEAR_SECONDS = 365 * 86_400
EVENTS_PER_STATE = 10
"""More than any state here has in a history: a task of a function has five, a Map Run six, however many its children are."""


def captured(number: int, size: int) -> list[CapturedFile]:
    """Return so many files, each of which is a batch."""
    return [
        CapturedFile(
            f"s3://muster-capture/{WATCHED.endpoint}/AllTraffic/2026/11/21/08/{each:010}-{'0' * 36}.jsonl",
            "v" * 32,
            size,
            START + timedelta(milliseconds=each),
            START,
        )
        for each in range(number)
    ]


@pytest.fixture(scope="module")
def batches() -> list[SketchBatch]:
    floor = policy().monitoring
    return monitoring.batches_of(captured(floor.max_batches, floor.batch_bytes), [], floor)


def test_ten_thousand_batches_are_planned_and_no_more(batches: list[SketchBatch]) -> None:
    floor = policy().monitoring
    assert len(batches) == floor.max_batches == SKETCH_BATCHES == MOST_CHILDREN_AT_ONCE
    with pytest.raises(DataRefused, match="10001 batches"):
        monitoring.batches_of(captured(floor.max_batches + 1, floor.batch_bytes), [], floor)


def test_the_states_payload_does_not_grow_with_the_batches(batches: list[SketchBatch]) -> None:
    files = captured(len(batches), batches[0].files[0].bytes)
    plan = monitoring.ready(WATCHED, MonitoringSpec(), files, [], len(batches))
    size = len(digests.canonical(plan))
    assert size < PAYLOAD_BYTES / 4
    assert size - len(digests.canonical(monitoring.ready(WATCHED, MonitoringSpec(), files[:10], [], 10))) < 100
    # What does grow is in S3
    record = PlanRecord(planned_at=START, plan=plan, files=tuple(monitoring.file_id(each.uri) for each in files))
    assert len(digests.canonical(record)) > PAYLOAD_BYTES


def test_each_child_is_given_little(batches: list[SketchBatch]) -> None:
    many = definition("monitoring")["States"]["SketchBatches"]
    assert many["ItemSelector"] == {"watched.$": "$.plan.watched", "number.$": "$$.Map.Item.Value.number"}
    given = {"watched": WATCHED.payload(), "number": batches[-1].number}
    assert len(json.dumps(given)) < EXPRESS_PAYLOAD_BYTES / 100
    # The list that the Map reads, an item of it, and what a child reads of S3 by its number
    assert len(json.dumps([{"number": each.number} for each in batches])) < 200_000
    assert len(digests.canonical(batches[-1])) < 1_000


def test_the_history_does_not_grow_with_the_batches() -> None:
    states = definition("monitoring")["States"]
    many = states["SketchBatches"]
    # A child's events are its own, what children return goes to S3, and nothing of it into the state
    assert many["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    assert many["ResultPath"] is None
    assert "ResultWriter" in many
    few, more = (execute("monitoring", *monitoring_scene(batches=number)) for number in (2, 40))
    own = [[name for name in trace.states if name != "SketchBatch"] for trace in (few, more)]
    assert own[0] == own[1]
    assert len(own[0]) * EVENTS_PER_STATE * _attempts(states) < MOST_EVENTS


def test_all_children_are_done_in_time(batches: list[SketchBatch]) -> None:
    workflow = definition("monitoring")
    many = workflow["States"]["SketchBatches"]
    assert many["MaxConcurrency"] == SKETCH_CONCURRENCY <= MOST_CHILDREN_AT_ONCE
    longest = math.ceil(len(batches) / SKETCH_CONCURRENCY) * EXPRESS_SECONDS
    assert longest < workflow["TimeoutSeconds"] < YEAR_SECONDS


def _attempts(states: dict[str, Any]) -> int:
    """Return how often the most patient state is tried."""
    return max(1 + sum(each["MaxAttempts"] for each in state.get("Retry", [])) for state in states.values())
