"""What a drift report says in sentences: the headline, and how to read each outcome."""

from typing import Any

Json = dict[str, Any]

TITLES = {
    "none": "No drift",
    "warn": "No drift, but something to watch",
    "suspected": "Drift suspected",
    "drift": "Drift confirmed",
    "insufficient": "Too few rows to judge",
    "inconclusive": "Not conclusive: too much cannot be read",
}
"""The outcome as the page's verdict says it."""


def headline(document: Json) -> str:
    """Return the outcome in one sentence with its numbers; a second one says so if the model is worse."""
    said = _outcome(document)
    quality = document["quality"]
    if quality and quality["status"] == "regressed":
        said += " The model's answers are worse than when it was registered."
    return said


def _outcome(document: Json) -> str:
    outcome, data, columns = document["outcome"], document["data"], document["columns"]
    compared, rows = counted(len(columns), "column"), counted(data["rows"], "row")
    if outcome == "insufficient":
        return "No verdict: the window is too small."
    if outcome == "inconclusive":
        return "No verdict: what can be read proves nothing about the rest."
    if outcome == "none":
        return f"None of {compared} differs from the baseline in {rows}."
    watch = [column for column in columns if column["verdict"] == "warn"]
    if outcome == "warn":
        verb = "differs" if len(watch) == 1 else "differ"
        return f"{len(watch)} of {compared} {verb} from the baseline, not surely or not enough to matter, in {rows}."
    return f"{_moved(document)}; the window has {rows}."


def _moved(document: Json) -> str:
    columns = document["columns"]
    moved = [column for column in columns if column["verdict"] == "drift"]
    broken = sorted({found["column"] for found in document["data"]["findings"] if found["breach"]})
    parts = []
    if broken:
        parts.append(f"The data of {counted(len(broken), 'column')} are broken")
    if moved or not broken:
        parts.append(f"{len(moved)} of {counted(len(columns), 'column')} moved")
    return " and ".join(parts)


def counted(number: int, what: str) -> str:
    """Return a number and its noun: 1 row, 1,200 rows."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
