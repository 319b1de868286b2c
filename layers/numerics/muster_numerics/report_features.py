"""The sections on columns: those that moved one by one, all others small, and every figure in a table."""

from collections.abc import Sequence
from typing import Any

from muster_numerics.report_markup import (
    Html,
    grid,
    join,
    listing,
    p_text,
    panel,
    plain,
    section,
    share,
    size,
    table,
    tag,
)
from muster_numerics.report_plots import heat_map, histogram, sparks, trend
from muster_numerics.report_words import counted

Json = dict[str, Any]
MOST_LARGE = 24
"""Columns that are shown large; of more, the rest are small."""
OPEN_SMALL = 36
"""Small ones that are in sight; of more, the rest open on demand."""
HEAT_COLUMNS = 10
MISSING_COLUMNS = 6
LEAST_MISSING = 0.005
"""A share of missing rows below it in every window is not drawn."""
BADGES = {"drift": "moved", "warn": "watch", "none": "no difference"}
KEY = Html('<ul class="key sides"><li class="was">baseline</li><li class="now">this window</li></ul>')


def badge(verdict: str) -> Html:
    """Return a verdict as a word in its colour."""
    return tag("span", BADGES[verdict], class_=f"badge {verdict}")


def moved(document: Json) -> Html:
    """Return the section with the columns that differ, large."""
    differing = [column for column in document["columns"] if column["verdict"] != "none"]
    if not differing:
        return Html("")
    shown = differing[:MOST_LARGE]
    words = (
        "Gravest first, then by the size of the effect. The filled shape is the baseline, the line is this window. "
        "“Moved” is sure and large enough to matter; “watch” is only one of the two."
    )
    if len(differing) > len(shown):
        words += f" {len(differing) - len(shown)} more are among the others below."
    history = document["history"]
    return section("What differs", words, KEY, grid(*(feature_panel(column, history) for column in shown)))


def feature_panel(column: Json, history: Sequence[Json]) -> Html:
    """Return one column, large."""
    title = join((tag("span", column["name"], class_="name"), " ", badge(column["verdict"])))
    notes = [tag("span", "answer of the model", class_="chip")] if column["role"] == "prediction" else []
    if column["controlled"]:
        notes.append(tag("span", "controlled: values are not shown", class_="chip"))
    reasons = [plain(reason.removeprefix(f"{column['name']}: ")) for reason in column["reasons"]]
    parts: list[object] = [tag("p", *notes, class_="chips")] if notes else []
    parts += [listing(reasons, "reasons"), histogram(column)]
    if column["controlled"] and column["kind"] == "numeric":
        parts.append(tag("p", "Tenths of the baseline, from its lowest to its highest values.", class_="note"))
    parts.append(_figures(column))
    past = [each["columns"].get(column["name"], (None,))[0] for each in history]
    if sum(value is not None for value in past) > 1:
        label = f"{column['name']}: effect in the last windows"
        parts += [tag("p", "Effect in the last windows", class_="note"), trend([*past, column["effect"]], label)]
    return panel(title, *parts, class_="feature")


def _figures(column: Json) -> Html:
    sizes, before, after = column["effects"], column["baseline"], column["window"]
    said: list[tuple[str, object]] = [
        ("p, adjusted", p_text(column["adjusted_p"])),
        ("KS", size(sizes["ks"])),
        ("PSI", size(sizes["psi"])),
        ("width", "none" if sizes["width"] is None else f"{sizes['width']:+.0%}"),
        ("JS", size(sizes["js"])),
        ("W1", size(sizes["w1"])),
        ("L∞ robust", size(sizes["linf_robust"])),
        ("missing", f"{share(sizes['missing_before'])} → {share(sizes['missing_after'])}"),
    ]
    if before["mean"] is not None and after["mean"] is not None:
        said += [
            ("mean", f"{size(before['mean'])} → {size(after['mean'])}"),
            ("deviation", f"{size(before['deviation'])} → {size(after['deviation'])}"),
        ]
    if after["below"] or after["above"]:
        said.append(("outside the baseline's range", counted(after["below"] + after["above"], "row")))
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in said)
    return tag("dl", *items, class_="figures")


def others(document: Json) -> Html:
    """Return the section with all columns that are not shown large, small."""
    differing = [column for column in document["columns"] if column["verdict"] != "none"]
    left = [*differing[MOST_LARGE:], *(column for column in document["columns"] if column["verdict"] == "none")]
    if not left:
        return Html("")
    tiles = [small_panel(column) for column in left]
    words = "By the size of the effect; the figure beside the name is KS, the greatest difference of cumulative shares."
    parts: list[object] = [KEY, tag("div", *tiles[:OPEN_SMALL], class_="tiles")]
    if len(tiles) > OPEN_SMALL:
        more = tag("summary", f"{len(tiles) - OPEN_SMALL} more with smaller effects")
        parts.append(tag("details", more, tag("div", *tiles[OPEN_SMALL:], class_="tiles")))
    title = "All other columns" if differing else "All columns"
    return section(title, words, *parts)


def small_panel(column: Json) -> Html:
    """Return one column, small."""
    figure = tag("span", size(column["effects"]["ks"]), class_="figure")
    title = tag("h3", tag("span", column["name"], class_="name", title=column["name"]), figure)
    return tag("div", title, histogram(column, small=True), class_="tile")


def figures_table(document: Json) -> Html:
    """Return the section with every figure of every column."""
    if not document["columns"]:
        return Html("")
    head = ("Column", "Verdict", "p", "p, adjusted", "KS", "PSI", "JS", "W1", "L∞ robust", "Missing before", "after")
    rows = []
    for column in document["columns"]:
        sizes = column["effects"]
        name = tag(
            "span", column["name"], " ", tag("small", "answer of the model") if column["role"] == "prediction" else ""
        )
        rows.append(
            (
                name,
                badge(column["verdict"]),
                p_text(column["p"]),
                p_text(column["adjusted_p"]),
                *(size(sizes[each]) for each in ("ks", "psi", "js", "w1", "linf_robust")),
                share(sizes["missing_before"]),
                share(sizes["missing_after"]),
            )
        )
    words = (
        "The verdict comes of the adjusted p-value and the size of the effect. KS, PSI (population stability index), JS "
        "(Jensen-Shannon distance), W1 (Wasserstein distance, in standard deviations of the baseline) and L∞ (Model "
        "Monitor's robust distance) are descriptive: no bound is set on them here."
    )
    return section(
        "Figures of all columns", words, tag("div", table(head, rows, "Figures of all columns", "wide"), class_="panel")
    )


def over_windows(document: Json, windows: Sequence[Json]) -> tuple[Html, Html]:
    """Return the panels on effects and on missing rows over the windows, empty if there is nothing to show."""
    past = [window for window in windows if window["columns"]]
    if len(past) < 2:
        return Html(""), Html("")
    names = [column["name"] for column in document["columns"]] or list(past[-1]["columns"])
    names = [name for name in names if any(name in window["columns"] for window in past)]
    note = tag("p", "The stronger the colour, the larger; the figure is that of the last window.", class_="note")
    effects = panel("Effect by column", heat_map(names[:HEAT_COLUMNS], past), note)
    series = {name: [window["columns"].get(name, (None, None))[1] for window in past] for name in names}
    seen = {
        name: values for name, values in series.items() if _most(values) >= LEAST_MISSING and _swing(values) is not None
    }
    ordered = sorted(seen, key=lambda name: (-(_swing(seen[name]) or 0.0), name))[:MISSING_COLUMNS]
    if not ordered:
        return effects, Html("")
    words = tag("p", "Those that changed most; the figure is that of the last window.", class_="note")
    return effects, panel("Missing rows", sparks({name: seen[name] for name in ordered}), words)


def _most(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)


def _swing(values: Sequence[float | None]) -> float | None:
    """Return how far a figure has moved over the windows; None of fewer than two."""
    known = [value for value in values if value is not None]
    return max(known) - min(known) if len(known) > 1 else None
