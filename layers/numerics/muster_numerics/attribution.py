"""Attribution drift: whether live answers rest on the same features as those that the model was registered with.

Clarify's measure: the nDCG of scikit-learn's `ndcg_score`, with the baseline's attributions as gains and the live
attributions as the order ("Model Feature Attribution Drift Violations", developer guide); below 0.9 it alarmed.

>>> ndcg({"a": 3.0, "b": 1.0}, {"a": 0.2, "b": 0.1})
1.0
>>> round(ndcg({"a": 3.0, "b": 1.0}, {"a": 0.1, "b": 0.2}), 3)
0.797
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def ndcg(baseline: Mapping[str, float], live: Mapping[str, float]) -> float:
    """Return how much of the baseline's attribution the live order puts first: 1 if the order is the baseline's own.

    DCG = sum of a(i) / log2(i + 1) over the features in live order, i from 1, a the baseline's attribution; nDCG is
    that divided by the DCG of the baseline's own order (Järvelin, Kekäläinen 2002, ACM TOIS 20:422). Features of equal
    live attribution share the mean of their gains (McSherry, Najork 2008, ECIR), so no tie is broken by chance.

    Parameters
    ----------
    baseline, live
        Mean absolute contribution of each feature.

    Raises
    ------
    ValueError
        If the two name other features, none, or an attribution is negative or no finite number.
    """
    check(baseline, live)
    names = sorted(baseline)
    gains, order = np.array([baseline[name] for name in names]), np.array([live[name] for name in names])
    discounts = 1 / np.log2(np.arange(2, len(names) + 2))
    ideal = float(np.sort(gains)[::-1] @ discounts)
    if ideal == 0:
        return 1.0  # no feature moved the baseline's answers: every order is as good
    _, tied = np.unique(-order, return_inverse=True)
    sizes = np.bincount(tied)
    shared = np.bincount(tied, weights=gains) / sizes
    ends = np.cumsum(np.concatenate([[0.0], discounts]))[np.concatenate([[0], np.cumsum(sizes)])]
    return min(float(shared @ np.diff(ends)) / ideal, 1.0)


def check(baseline: Mapping[str, float], live: Mapping[str, float]) -> None:
    """Raise ValueError unless both are attributions of the same features."""
    if not baseline:
        raise ValueError("attributions: the baseline has none, wanted one per feature")
    strange = sorted(baseline.keys() ^ live.keys())
    if strange:
        where = "the live ones" if strange[0] in baseline else "the baseline"
        raise ValueError(f"attributions: {where} lack {strange[0]!r}, wanted the same features in both")
    for what, found in (("baseline", baseline), ("live", live)):
        wrong = [name for name, value in found.items() if not (math.isfinite(value) and value >= 0)]
        if wrong:
            raise ValueError(f"attributions: {what}: {wrong[0]} is {found[wrong[0]]}, wanted a number from 0")


def judge(baseline: Mapping[str, float], live: Mapping[str, float], *, rows: int, least: float) -> dict[str, Any]:
    """Compare the live ranking with the baseline's.

    Parameters
    ----------
    baseline, live
        Mean absolute contribution of each feature.
    rows
        Of the live sample.
    least
        The least nDCG.

    Returns
    -------
    dict
        ``status`` "measured" or "moved", ``reason``, ``rows``, ``ndcg``, ``least``, and ``features`` in live order,
        each with its ``baseline_rank`` and ``live_rank`` from 1 and both attributions.

    Raises
    ------
    ValueError
        As `ndcg`.
    """
    value = ndcg(baseline, live)
    before, now = ranks(baseline), ranks(live)
    features = [
        {
            "name": name,
            "baseline_rank": before[name],
            "live_rank": now[name],
            "baseline": baseline[name],
            "live": live[name],
        }
        for name in now
    ]
    moved = value < least
    reason = f"nDCG {value:.3f} of {rows} rows, {'below' if moved else 'at least'} {least:g}"
    return {
        "status": "moved" if moved else "measured",
        "reason": reason,
        "rows": rows,
        "ndcg": value,
        "least": least,
        "features": features,
    }


def absent(reason: str, *, least: float) -> dict[str, Any]:
    """Return what stands in for a ranking that could not be made."""
    return {"status": "not_measured", "reason": reason, "rows": 0, "ndcg": None, "least": least, "features": []}


def ranks(attributions: Mapping[str, float]) -> dict[str, int]:
    """Return each feature's place from 1, the largest attribution first, names deciding between equals."""
    ordered = sorted(attributions, key=lambda name: (-attributions[name], name))
    return {name: place for place, name in enumerate(ordered, start=1)}
