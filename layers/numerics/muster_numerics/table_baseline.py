"""The baseline of training data that need not fit into memory: the same in a function and in a job.

Two passes over the chunks: a survey that finds the kinds of the columns and the grid, then the counts. A column that
turns out to hold words after it was taken for numbers makes the survey begin again.
"""

from collections.abc import Collection, Sequence
from typing import Any

from muster_numerics.baseline import Baseline, assemble, to_json
from muster_numerics.blocks import BlockCounts, add_blocks, observe_blocks
from muster_numerics.columns import Columns
from muster_numerics.redaction import Redaction, redacted
from muster_numerics.sketch import State, merge, observe
from muster_numerics.survey import Survey, grid_of, merge_surveys, survey
from muster_numerics.table_rows import Rows, Table, TableError


def count_features(
    table: Table, categorical: Collection[str], redaction: Redaction, *, time_ordered: bool
) -> dict[str, Any]:
    """Count the features of a table.

    Parameters
    ----------
    table
        The training data.
    categorical
        Columns of numbers that are names.
    redaction
        What hides the words of controlled columns. It may name row id and target, which are not counted.
    time_ordered
        Whether the rows are in the order in which they came about.

    Returns
    -------
    dict
        JSON data: ``rows``, ``features`` (name and kind of each, in the order of the files) and ``columns``
        (`muster_numerics.baseline.to_json`).

    Raises
    ------
    TableError
        If the files are no table, have no row, or lack a column that is categorical or controlled.
    """
    features = table.features()
    check_named("monitoring.categorical", categorical, features)
    check_named("capture.controlled_fields", redaction.controlled, (*features, table.row_id, table.target))
    seen, words = survey_table(table, features, set(categorical), redaction)
    baseline = count_table(table, features, words, redaction, seen, time_ordered=time_ordered)
    listed = [{"name": name, "kind": "word" if name in words else "number"} for name in features]
    return {"rows": seen.rows, "features": listed, "columns": to_json(baseline)}


def check_named(what: str, named: Collection[str], columns: Sequence[str]) -> None:
    """Raise TableError if a column of a name is not there: a misspelt controlled field would be hidden nowhere."""
    unknown = sorted(set(named) - set(columns))
    if unknown:
        raise TableError(f"{what}: found {unknown[0]!r}, wanted columns of the training data: {', '.join(columns)}")


def survey_table(
    table: Table, features: Sequence[str], words: set[str], redaction: Redaction
) -> tuple[Survey, set[str]]:
    """Return what the first pass saw, and which columns hold words."""
    while True:
        seen: Survey | None = None
        none: set[str] = set()
        for rows in table.chunks():
            columns, none = rows.columns(features, words)
            if none and seen is not None:
                break
            words |= none
            columns = columns if not none else rows.columns(features, words)[0]
            here = survey(redacted(columns, redaction), rows.first_row)
            seen, none = here if seen is None else merge_surveys(seen, here), set()
        if not none:
            break
        words |= none
    if seen is None:
        raise TableError(f"{table.files[0][0]}: found a header and no row, wanted training data")
    return seen, words


def count_table(
    table: Table, features: Sequence[str], words: set[str], redaction: Redaction, seen: Survey, *, time_ordered: bool
) -> Baseline:
    """Return the baseline that the second pass counts on the grid of the first."""
    grid, state = grid_of(seen, "feature"), State()
    blocks: dict[str, BlockCounts] = {}
    for rows in table.chunks():
        columns = redacted(columns_of(rows, features, words), redaction)
        state = merge(state, observe(columns, grid))
        if time_ordered:
            here = observe_blocks(columns, grid, rows.first_row, seen.rows)
            blocks = {name: add_blocks(blocks[name], each) if blocks else each for name, each in here.items()}
    if state.rows != seen.rows:
        raise TableError(f"training data: found {state.rows} rows, and {seen.rows} a moment ago: they have changed")
    return assemble(grid, state, blocks)


def columns_of(rows: Rows, features: Sequence[str], words: set[str]) -> Columns:
    """Return the columns of rows whose kinds are known."""
    columns, none = rows.columns(features, words)
    if none:
        raise TableError(f"training data: {', '.join(sorted(none))}: found words, and numbers a moment ago")
    return columns
