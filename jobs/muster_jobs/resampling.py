"""Bootstrap resamples of rows, drawn once per set of rows and shared by all metrics and both models.

Sharing makes comparisons paired: in every resample, candidate and champion answer the same rows.
"""

from collections.abc import Iterator

import numpy as np

from muster_jobs.metrics import average_precision, combine, terms
from muster_jobs.scores import Scores

MOST_RESAMPLES = 2000
FEWEST_RESAMPLES = 200
CELLS = 5_000_000
"""Resamples times rows stays below this while there are `FEWEST_RESAMPLES`, so that a job takes seconds."""
CHUNK_CELLS = 200_000
"""Resamples are worked on in pieces of this size, which fit a processor's cache."""


class Resamples:
    """How often each row is in each resample.

    Parameters
    ----------
    rows
        Size of the set, and of every resample.
    seed
        The same seed gives the same resamples, with the same version of numpy (NEP 19).
    """

    def __init__(self, rows: int, seed: int) -> None:
        self.rows = rows
        self.count = int(np.clip(CELLS // max(rows, 1), FEWEST_RESAMPLES, MOST_RESAMPLES))
        chance = np.random.Generator(np.random.PCG64(seed))
        size = max(1, CHUNK_CELLS // max(rows, 1))
        self._chunks = [draw(chance, min(size, self.count - start), rows) for start in range(0, self.count, size)]

    def chunks(self, mask: np.ndarray) -> Iterator[np.ndarray]:
        """Yield pieces of the matrix of counts, shape (some resamples, rows where `mask`)."""
        everything = bool(mask.all())
        for chunk in self._chunks:
            # Single precision holds the counts, and their running sums up to 16 million rows, exactly.
            yield (chunk if everything else chunk[:, mask]).astype(np.float32)

    def values(self, names: list[str], models: dict[str, Scores], mask: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
        """Return the metrics of each model in every resample.

        Parameters
        ----------
        names
            Metrics that are functions of sums, or ``average_precision``.
        models
            The scores of all rows, by model.
        mask
            Shape (rows,): which of the rows to measure. Rows are resampled before they are selected, so a slice's size
            varies between resamples as it would between holdouts.

        Returns
        -------
        dict
            Model to metric to values, shape (count,); NaN where a resample leaves the metric undefined.
        """
        parts = {model: scores.only(mask) for model, scores in models.items()}
        summed = [(model, name) for model in models for name in names if name != "average_precision"]
        tables = [terms(name, parts[model]).astype(np.float64) for model, name in summed]
        found: dict[tuple[str, str], list[np.ndarray]] = {(model, name): [] for model in models for name in names}
        for counts in self.chunks(mask):
            if tables:
                sums = counts.astype(np.float64) @ np.hstack(tables)
                ends = np.cumsum([table.shape[1] for table in tables])
                for (model, name), part in zip(summed, np.split(sums, ends[:-1], axis=1), strict=True):
                    found[model, name].append(combine(name, part))
            if "average_precision" in names:
                for model, scores in parts.items():
                    values = average_precision(scores.truth, scores.predicted, counts)
                    found[model, "average_precision"].append(values)
        return {model: {name: np.concatenate(found[model, name]) for name in names} for model in models}


def draw(chance: np.random.Generator, resamples: int, rows: int) -> np.ndarray:
    """Return counts of `resamples` draws of `rows` rows with replacement, shape (resamples, rows)."""
    drawn = chance.integers(rows, size=(resamples, rows), dtype=np.int32)
    drawn += np.arange(resamples, dtype=np.int32)[:, None] * rows
    return np.bincount(drawn.ravel(), minlength=resamples * rows).reshape(resamples, rows).astype(np.uint16)
