"""One sentence per figure: what a person is meant to see in it."""

import numpy as np

from muster_jobs.curves import calibration, confidence_of, confusion
from muster_jobs.measuring import HoldoutResult
from muster_jobs.metrics import METRICS
from muster_jobs.numbers import interval, number, p_value, percent, signed
from muster_jobs.scores import Scores


def primary(result: HoldoutResult, metric: str, significance: float) -> str:
    """Say how the candidate does on a holdout, and against the champion."""
    title, found = METRICS[metric].title, result.models["candidate"].overall[metric]
    if found.value is None:
        return f"On the {result.kind} holdout the candidate's {title} is not defined: {found.reason}."
    words = f"On the {result.kind} holdout the candidate's {title} is {number(found.value)} ({interval(found.low, found.high)})"
    if not result.comparison:
        return f"{words}."
    theirs, compared = result.models["champion"].overall[metric], result.comparison.overall[metric]
    if compared.difference is None or compared.p_better is None:
        return f"{words}; it cannot be compared with the champion: {compared.reason}."
    judged = "better" if compared.p_better < significance and compared.difference > 0 else "not shown to be better"
    return (
        f"{words}, the champion's {number(theirs.value)}: {judged} "
        f"(difference {signed(compared.difference)}, {p_value(compared.p_better)})."
    )


def decisions(scores: Scores, kind: str) -> str:
    """Say what the candidate's decisions come to."""
    counts = confusion(scores)
    if scores.problem_type == "binary":
        negative, positive = scores.classes
        return (
            f"On the {kind} holdout the candidate finds {counts[1, 1]} of {counts[1].sum()} rows that are {positive}, "
            f"and calls {counts[0, 1]} of {counts[0].sum()} {negative} rows {positive}."
        )
    right = int(np.trace(counts))
    wrong = counts - np.diag(np.diag(counts))
    words = f"On the {kind} holdout the candidate decides {right} of {len(scores)} rows right"
    if not wrong.any():
        return f"{words}."
    true, said = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return f"{words}; most often it says {scores.classes[said]} for {scores.classes[true]} ({wrong[true, said]} rows)."


def reliability(scores: Scores, kind: str) -> str:
    """Say how far predicted probabilities are from what happened."""
    bins = calibration(*confidence_of(scores))
    rows = sum(count for _, _, count in bins)
    off = sum(abs(said - hits / count) * count for said, hits, count in bins) / rows
    lean = sum(said * count - hits for said, hits, count in bins) / rows
    words = f"On the {kind} holdout predicted probabilities are {number(off)} away from the observed shares on average"
    if abs(lean) < 0.01:
        return f"{words}, without leaning to a side."
    return f"{words}; they are too {'high' if lean > 0 else 'low'} by {number(abs(lean))} overall."


def residuals(scores: Scores, kind: str) -> str:
    """Say how large the errors are and whether they lean to a side."""
    errors = scores.truth - scores.predicted
    middle, mean = float(np.median(np.abs(errors))), float(errors.mean())
    doubt = 2 * float(errors.std()) / len(errors) ** 0.5
    lean = (
        "without leaning to a side"
        if abs(mean) <= doubt
        else f"predicting too {'low' if mean > 0 else 'high'} by {number(abs(mean))}"
    )
    return f"On the {kind} holdout half of the predictions are within {number(middle)} of the truth, {lean}."


def weakest_slice(result: HoldoutResult, metric: str) -> str:
    """Name the slice that does worst."""
    found = [
        (each[metric].value, name, rows, each[metric])
        for name, (rows, each) in result.models["candidate"].slices.items()
        if each[metric].value is not None
    ]
    if not found:
        return f"On the {result.kind} holdout {METRICS[metric].title} is not defined in any slice."
    _, name, rows, worst = max(found) if METRICS[metric].lower_is_better else min(found)
    return (
        f"On the {result.kind} holdout the weakest slice is {name} ({rows} rows) with {METRICS[metric].title} "
        f"{number(worst.value)} ({interval(worst.low, worst.high)})."
    )


def bias(result: HoldoutResult, column: str) -> str:
    """Say how far the groups of a column are apart."""
    found = result.models["candidate"].bias[column]
    title = METRICS[found.metric].title
    if found.difference.value is None:
        return f"On the {result.kind} holdout the groups of {column} cannot be compared: {found.difference.reason}."
    return (
        f"On the {result.kind} holdout {title} differs by {number(found.difference.value)} between groups of {column} "
        f"({interval(found.difference.low, found.difference.high)})."
    )


def importance(attributions: list[dict]) -> str:
    """Say what moves the predictions most, and how much of it all a few features make up."""
    total = sum(each["importance"] for each in attributions) or 1.0
    first = f"{attributions[0]['feature']} moves the predictions most"
    few = attributions[:5]
    if len(few) == len(attributions):
        return f"{first}."
    share = sum(each["importance"] for each in few) / total
    return f"{first}; the first {len(few)} of {len(attributions)} features make up {percent(share)} of all movement."
