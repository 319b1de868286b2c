"""Baselines: one spelling, read back as written; block statistics that add up over chunks."""

import json
from itertools import pairwise

import pytest

from muster_numerics.baseline import assemble, canonical, from_json, make_baseline, to_json
from muster_numerics.blocks import (
    FEWEST_BLOCKS,
    LEAST_ROWS,
    MOST_BLOCKS,
    add_blocks,
    block_number,
    coarse_counts,
    long_run,
    observe_blocks,
)
from muster_numerics.columns import Numeric
from muster_numerics.grid import make_grid
from muster_numerics.sketch import observe
from tests.numerics.samples import drawn
from tests.numerics.test_survey import part


def test_a_baseline_is_read_back_as_it_was_written():
    baseline = make_baseline(drawn(1, 2_000), time_ordered=True)
    text = canonical(baseline)
    assert from_json(json.loads(text)) == baseline
    assert canonical(from_json(json.loads(text))) == text


def test_features_and_predictions_are_joined_and_keep_their_rows():
    features = make_baseline(drawn(1, 300))
    joined = features | make_baseline({"score": Numeric.of([0.1, 0.9])}, "prediction")
    assert {name: profile.counts.rows for name, profile in joined.columns.items()} == {
        "size": 300,
        "colour": 300,
        "score": 2,
    }
    assert joined.grid["score"].role == "prediction"
    with pytest.raises(ValueError, match="both have colour, size"):
        joined | features


def test_a_baseline_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="at least one row, found none"):
        make_baseline({"size": Numeric.of([])})


def test_another_version_is_refused():
    with pytest.raises(ValueError, match="version: expected 1, got None"):
        from_json({"columns": {}})
    assert to_json(make_baseline(drawn(0, 5)))["version"] == 1


@pytest.mark.parametrize("cuts", [[0, 2_500], [0, 7, 1_000, 1_001, 2_500], [0, 20, 2_480, 2_500]])
def test_chunks_give_the_blocks_of_all_rows(cuts):
    # Given columns in the order of time, seen in chunks that do not end where blocks do
    columns = drawn(2, 2_500)
    grid = make_grid(columns)
    chunks = [observe_blocks(part(columns, start, end), grid, start, 2_500) for start, end in pairwise(cuts)]
    # When their block counts are added
    summed = chunks[0]
    for chunk in chunks[1:]:
        summed = {name: add_blocks(summed[name], chunk[name]) for name in grid}
    # Then they are those of one pass, and together they are the coarse counts
    assert assemble(grid, observe(columns, grid), summed) == make_baseline(columns, time_ordered=True)
    for name, blocks in summed.items():
        total = coarse_counts(observe(columns, grid).columns[name], grid[name])
        assert tuple(map(sum, zip(*blocks, strict=True))) == total
        assert len(blocks) == 2_500 // LEAST_ROWS


def test_a_short_baseline_has_no_blocks():
    assert block_number(FEWEST_BLOCKS * LEAST_ROWS - 1) == 0
    assert block_number(FEWEST_BLOCKS * LEAST_ROWS) == FEWEST_BLOCKS
    assert block_number(10**9) == MOST_BLOCKS
    assert make_baseline(drawn(3, 999), time_ordered=True).columns["size"].blocks == ()
    assert make_baseline(drawn(3, 9_999)).columns["size"].blocks == ()


def test_blocks_are_joined_up_to_the_window_as_long_as_enough_remain():
    blocks = make_baseline(drawn(4, 12_000), time_ordered=True).columns["size"].blocks  # 120 of 100 rows
    assert long_run(blocks, 50, "bins").block_rows == 100
    assert long_run(blocks, 250, "bins").block_rows == 300
    assert long_run(blocks, 9_000, "bins").block_rows == 600
    assert long_run(blocks[:19], 50, "bins") is None


def test_blocks_without_any_value_say_nothing():
    columns = {"size": Numeric.of([float("nan")] * 1_000 + [1.0, 2.0] * 1_000)}
    blocks = make_baseline(columns, time_ordered=True).columns["size"].blocks
    assert long_run(blocks, 100, "bins") is None
    assert long_run(blocks, 100, "missing") is not None
