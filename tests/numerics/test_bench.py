"""What `make bench PART=monitoring` measures with: right about what it counts. No time decides a test."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench import captured, flat, monitoring, monitoring_cost
from bench.captured import DISTINCT_RECORDS, Repeated
from muster_numerics.decide import decide


@pytest.mark.parametrize("records", [1, DISTINCT_RECORDS, DISTINCT_RECORDS + 3])
@pytest.mark.parametrize("size", [777, 2**23])
def test_a_repeated_file_has_so_many_whole_records(records, size):
    content = b"".join(b'{"record": %d}\n' % number for number in range(DISTINCT_RECORDS))
    file = Repeated(content, records)
    pieces = list(iter(lambda: file.read(size), b""))
    assert max(map(len, pieces)) <= size
    lines = b"".join(pieces).splitlines()
    assert len(lines) == records
    assert lines[-1] == b'{"record": %d}' % ((records - 1) % DISTINCT_RECORDS)


def test_every_record_is_counted_with_all_its_columns():
    state = captured.count(2_500)
    assert state.rows == 2_500
    assert state.poison == 0
    assert not state.absent
    assert not state.extra
    assert len(state.columns) == 36
    assert decide(state, captured.baseline()).verdict in ("none", "warn")


def test_the_report_that_is_weighed_can_be_made():
    state = captured.count(1_000)
    document = monitoring._document(state, decide(state, captured.baseline()))
    assert len(document["columns"]) == 36


def test_memory_is_that_of_the_process_itself():
    # Given a process with much memory, When it starts another, then that one's peak is its own
    ballast = bytearray(400 * 2**20)
    code = "from bench.flat import peak_kb; print(peak_kb())"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[2])
    assert 1_000 < int(told.stdout) < 400 * 1024
    assert flat.peak_kb() > len(ballast) // 1024


def test_the_path_of_a_window_is_that_of_the_rendered_workflow():
    assert monitoring_cost.path(several=False)[:4] == ["PlanWindow", "Ready?", "OneBatch?", "SketchOneBatch"]
    assert "SketchBatches" in monitoring_cost.path(several=True)
    assert monitoring_cost.path_of_nothing() == ["PlanWindow", "Ready?", "Insufficient"]


def test_a_windows_cost_grows_with_its_records():
    windows = [monitoring_cost.window(records, 350_000, 640, 1_536) for records in monitoring_cost.RECORDS]
    assert [each.dollars for each in windows] == sorted(each.dollars for each in windows)
    nothing, small, *_, many = windows
    assert (nothing.batches, nothing.transitions, small.batches, small.transitions) == (0, 3, 1, 10)
    # Ten states, and one for each child of the Map Run
    assert many.transitions == 10 + many.batches
    # A core's second for 350,000 records: 1,769 MB
    assert many.gb_seconds == pytest.approx(1e9 / 350_000 * 1_769 / 1_024, rel=0.02)
    assert many.dollars == pytest.approx(0.74, abs=0.02)


def test_memory_is_read_from_the_template():
    assert 512 <= monitoring_cost.memory() <= 10_240
