"""The baseline: what a model's features looked like in training, and its predictions on the holdout.

Made once, bound to the model by digest, and compared with every window. In memory, `make_baseline` does it at once.
For data that does not fit, in two passes over chunks: `muster_numerics.survey` finds the grid, then
`muster_numerics.sketch.observe` and `muster_numerics.blocks.observe_blocks` count on it, and `assemble` joins the sums.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from muster_numerics.blocks import BlockCounts, observe_blocks
from muster_numerics.columns import Columns, row_count
from muster_numerics.counts import Counts, counts_from_json, counts_to_json
from muster_numerics.grid import FeatureGrid, Grid, Role, grid_from_json, grid_to_json, make_grid
from muster_numerics.sketch import State, observe

VERSION = 1


@dataclass(frozen=True)
class Profile:
    """One column of the baseline.

    Attributes
    ----------
    grid
        Where it is cut.
    counts
        Its rows on that grid.
    blocks
        Coarse counts per stretch of time; empty if the rows were in no such order, or too few.
    """

    grid: FeatureGrid
    counts: Counts
    blocks: BlockCounts = ()


@dataclass(frozen=True)
class Baseline:
    """The columns of the training data, and of the predictions on the holdout, by name."""

    columns: Mapping[str, Profile]

    @property
    def grid(self) -> dict[str, FeatureGrid]:
        """What `muster_numerics.sketch.observe` counts a window on."""
        return {name: profile.grid for name, profile in self.columns.items()}

    def __or__(self, other: "Baseline") -> "Baseline":
        """Join the baselines of features and of predictions.

        Raises
        ------
        ValueError
            If a column is in both.
        """
        both = sorted(self.columns.keys() & other.columns.keys())
        if both:
            raise ValueError(f"baseline: expected different columns in the two parts, both have {', '.join(both)}")
        return Baseline({**self.columns, **other.columns})


def make_baseline(columns: Columns, role: Role = "feature", *, time_ordered: bool = False) -> Baseline:
    """Make the baseline of columns that are in memory.

    Parameters
    ----------
    columns
        A snapshot's features, or a holdout's predictions.
    role
        Which of the two: predictions have an alarm budget of their own.
    time_ordered
        Whether the rows are in the order in which they came about; block statistics are kept only then.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    grid, rows = make_grid(columns, role), row_count(columns)
    if rows == 0:
        raise ValueError("baseline: expected at least one row, found none: check the snapshot and its filter")
    blocks = observe_blocks(columns, grid, 0, rows) if time_ordered else {}
    return assemble(grid, observe(columns, grid), blocks)


def assemble(grid: Grid, state: State, blocks: Mapping[str, BlockCounts]) -> Baseline:
    """Join grid, counts and block statistics of the same rows."""
    return Baseline({name: Profile(cut, state.columns[name], blocks.get(name, ())) for name, cut in grid.items()})


def to_json(baseline: Baseline) -> dict[str, Any]:
    """Return the baseline as a dictionary of JSON types."""
    return {
        "version": VERSION,
        "columns": {
            name: {
                "grid": grid_to_json(profile.grid),
                "counts": counts_to_json(profile.counts),
                "blocks": [list(block) for block in profile.blocks],
            }
            for name, profile in baseline.columns.items()
        },
    }


def canonical(baseline: Baseline) -> bytes:
    """Return the one spelling of the baseline of which a digest is taken: keys sorted, no blanks, UTF-8."""
    return json.dumps(
        to_json(baseline), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def from_json(found: Mapping[str, Any]) -> Baseline:
    """Read what `to_json` wrote.

    Raises
    ------
    ValueError
        If it is of another version.
    """
    if found.get("version") != VERSION:
        raise ValueError(f"baseline: version: expected {VERSION}, got {found.get('version')!r}")
    return Baseline(
        {
            name: Profile(
                grid_from_json(column["grid"]),
                counts_from_json(column["counts"]),
                tuple(tuple(block) for block in column["blocks"]),
            )
            for name, column in found["columns"].items()
        }
    )
