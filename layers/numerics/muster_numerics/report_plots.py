"""The drift report's drawings. Baseline is a filled shape and the window a line, so that they differ without colour."""

from collections.abc import Mapping, Sequence
from typing import Any

from muster_jobs.numbers import number, tick_text, ticks
from muster_jobs.svg import bar, dot, line, path, text
from muster_numerics.report_markup import Html, html, printable, share, tag, time_text, whole
from muster_numerics.report_shapes import Bars, Word, bars, number_text, steps, words

Json = dict[str, Any]
WIDTH = 360
SMALL = 200
SHORT = 30
"""Characters of a name in a drawing."""
MARKS = {
    "none": "",
    "warn": "w",
    "suspected": "S",
    "drift": "D",
    "insufficient": "–",
    "inconclusive": "?",
}
"""What stands below a window, since colour alone tells not everybody."""
HEAT = 0.25
"""The effect from which a cell of the map is fully coloured."""


def canvas(shapes: Sequence[str], width: float, height: float, label: str, class_: str | None = None) -> Html:
    """Return the drawing; `label` is what a screen reader says."""
    return tag(
        "svg", Html("".join(shapes)), viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label, class_=class_
    )


def cut(name: str, length: int = SHORT) -> str:
    """Return a name that fits."""
    name = printable(name)
    return name if len(name) <= length else name[: length - 1] + "…"


# -- histograms --------------------------------------------------------------------------------------------------------
def histogram(column: Json, *, small: bool = False) -> Html:
    """Draw rows per bar, or per word, of baseline and window."""
    label = f"{column['name']}: share of rows in the baseline and in the window"
    if column["kind"] == "categorical":
        return _words(*words(column), label, small=small)
    return _numbers(bars(column["cells"]), label, small=small)


def _numbers(found: Bars, label: str, *, small: bool) -> Html:
    width, height, left, top, bottom = (SMALL, 84, 2, 6, 16) if small else (WIDTH, 168, 42, 12, 24)
    base = height - bottom
    most = max((*found.baseline, *found.window), default=0.0) or 1.0
    scale, across = (base - top) / most, width - left - 2
    each = across / max(1, len(found.baseline))
    shapes: list[str] = []
    if not small:
        marks = [mark for mark in ticks(0, most, 3) if mark > 0]
        for mark in marks:
            y = base - mark * scale
            shapes += [line(left, y, width - 2, y, "grid"), text(left - 5, y + 4, percent(mark, marks), "tick", "end")]
    for index, value in enumerate(found.baseline):
        end = index in (0, len(found.baseline) - 1) and (found.low_end if index == 0 else found.high_end)
        shapes.append(
            bar(
                left + index * each + 0.6,
                base - value * scale,
                each - 1.2,
                value * scale,
                "was" + (" end" if end else ""),
            )
        )
    shapes.append(path(steps(found.window, left, across, base, scale), "now"))
    shapes.append(line(left, base, width - 2, base, "zero"))
    for end, middle, sign in ((found.low_end, 0.5, "<"), (found.high_end, len(found.baseline) - 0.5, ">")):
        if end and not small:
            shapes.append(text(left + middle * each, base + 15, sign, "tick", "middle"))
    for place, words_below in found.labels:
        anchor = "start" if place < 0.12 else "end" if place > 0.88 else "middle"
        shapes.append(text(left + place * across, base + (12 if small else 15), words_below, "tick", anchor))
    return canvas(shapes, width, height, label)


def percent(mark: float, marks: Sequence[float]) -> str:
    """Return a share below or beside an axis."""
    return tick_text(100 * mark, [100 * each for each in marks] if len(marks) > 1 else [0.0, 100 * mark]) + " %"


def _words(found: Sequence[Word], rest: int, label: str, *, small: bool) -> Html:
    shown = found[:4] if small else found
    width, high = (SMALL, 19) if small else (WIDTH, 27)
    most = max((max(each.baseline, each.window) for each in shown), default=0.0) or 1.0
    shapes: list[str] = []
    for index, each in enumerate(shown):
        y = 2 + index * high
        name = f"{cut(each.label, 17 if small else 26)}{' (new)' if each.new else ''}"
        shapes.append(text(0, y + (8 if small else 11), name, "tick" if small else "label"))
        if not small:
            shapes.append(text(width, y + 11, f"{share(each.baseline)} → {share(each.window)}", "note", "end"))
        top, thick = (y + 11, 4) if small else (y + 15, 7)
        shapes.append(bar(0, top, each.baseline / most * (width - 2), thick, "was"))
        at = each.window / most * (width - 2)
        shapes += [
            line(0, top + thick / 2, at, top + thick / 2, "now thin"),
            line(at, top - 1, at, top + thick + 1, "now"),
        ]
    if rest and not small:
        shapes.append(text(0, 12 + len(shown) * high, f"{whole(rest)} words are in “all others”", "tick"))
    height = 4 + len(shown) * high + (16 if rest and not small else 0)
    return canvas(shapes, width, max(height, 84) if small else height, label)


# -- over the windows --------------------------------------------------------------------------------------------------
def timeline(windows: Sequence[Json]) -> Html:
    """Draw the rows of each window, marked by its outcome."""
    height, left, top, base = 132.0, 34.0, 10.0, 94.0
    each = (WIDTH - left) / max(len(windows), 8)
    most = max((window["rows"] for window in windows), default=0) or 1
    marks = ticks(0, most, 3)
    shapes = []
    for mark in marks:
        y = base - mark / most * (base - top)
        shapes += [line(left, y, WIDTH, y, "grid"), text(left - 5, y + 4, _short(mark), "tick", "end")]
    for index, window in enumerate(windows):
        x, high = left + index * each, window["rows"] / most * (base - top)
        title = f"{time_text(window['window']['start'])}: {window['outcome']}, {whole(window['rows'])} rows"
        outcome = window["outcome"] if window["outcome"] in MARKS else "none"
        shapes.append(
            f"<g><title>{html(title)}</title>"
            + bar(x + 1, base - max(high, 1.5), each - 2, max(high, 1.5), f"outcome {outcome}")
            + text(x + each / 2, base + 13, MARKS[outcome], f"mark {outcome}", "middle")
            + "</g>"
        )
    if windows:
        last = left + len(windows) * each
        shapes.append(text(left, height - 8, time_text(windows[0]["window"]["start"]), "tick"))
        if len(windows) > 5:
            shapes.append(text(last, height - 8, time_text(windows[-1]["window"]["end"]), "tick", "end"))
    return canvas(shapes, WIDTH, height, "Rows and outcome of each window")


def _short(value: float) -> str:
    for power, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{value / power:g}{unit}"
    return f"{value:g}"


def heat_map(names: Sequence[str], windows: Sequence[Json]) -> Html:
    """Draw the effect of each column in each window: the stronger the colour, the larger; the last one in figures."""
    left, right, high = 118.0, 40.0, 21.0
    each = (WIDTH - left - right) / max(len(windows), 8)
    shapes = []
    for row, name in enumerate(names):
        y = 4 + row * high
        shapes.append(text(0, y + 13, cut(name, 18), "label"))
        for index, window in enumerate(windows):
            known = window["columns"].get(name)
            x = left + index * each
            if known is None:
                shapes.append(line(x + each / 2 - 2, y + 9, x + each / 2 + 2, y + 9, "grid"))
                continue
            strength = 0.05 + 0.95 * min(1.0, known[0] / HEAT)
            shapes.append(
                f"<g><title>{time_text(window['window']['start'])}: {number(known[0])}</title>"
                f'<rect x="{x + 0.5:.1f}" y="{y:.1f}" width="{max(each - 1, 1):.1f}" height="18" rx="2" class="heat" '
                f'style="opacity:{strength:.2f}"/></g>'
            )
        last = windows[-1]["columns"].get(name) if windows else None
        shapes.append(text(WIDTH, y + 13, "–" if last is None else f"{last[0]:.3f}", "note", "end"))
    return canvas(shapes, WIDTH, 6 + len(names) * high, "Effect of each column in each window")


def sparks(series: Mapping[str, Sequence[float | None]]) -> Html:
    """Draw the share of missing rows of several columns over the windows, on one scale; the last in figures."""
    left, right, high = 118.0, 48.0, 26.0
    most = max((value for values in series.values() for value in values if value is not None), default=0.0) or 1.0
    shapes = []
    for row, (name, values) in enumerate(series.items()):
        base, places = row * high + 22, max(len(values) - 1, 1)
        points = [
            (left + index / places * (WIDTH - left - right), base - value / most * 17)
            for index, value in enumerate(values)
            if value is not None
        ]
        known = [value for value in values if value is not None]
        shapes += [text(0, base - 4, cut(name, 18), "label"), line(left, base, WIDTH - right, base, "grid")]
        shapes.append(path(points, "curve candidate"))
        if points:
            shapes += [dot(*points[-1], "dot candidate", 3), text(WIDTH, base - 4, share(known[-1]), "note", "end")]
    return canvas(shapes, WIDTH, len(series) * high + 4, "Share of missing rows over the windows")


def trend(values: Sequence[float | None], label: str, *, low: float | None = None) -> Html:
    """Draw a figure over the windows; places without one are left out. With `low`, a bound, the scale is cut."""
    height, left, right, top, base = 60.0, 4.0, 54.0, 10.0, 50.0
    known = [value for value in values if value is not None]
    bounds = [*known, *([low] if low is not None else [])]
    most, least = max(bounds, default=0.0), min(bounds, default=0.0)
    start = 0.0 if low is None else least - (most - least or 0.1) * 0.2
    span = (most - start) * 1.1 or 1.0
    places = max(len(values) - 1, 1)

    def at(index: int, value: float) -> tuple[float, float]:
        return left + index / places * (WIDTH - left - right), base - (value - start) / span * (base - top)

    points = [at(index, value) for index, value in enumerate(values) if value is not None]
    shapes = [line(left, base, WIDTH - right, base, "grid")]
    if low is not None:
        y = at(0, low)[1]
        words = f"{number_text(low)} is wanted"
        shapes += [line(left, y, WIDTH - right, y, "limit"), text(left, y + 13, words, "tick")]
    if len(points) > 1:
        shapes.append(path(points, "curve candidate"))
    shapes += [dot(x, y, "dot candidate", 1.8) for x, y in points[:-1]]
    if points:
        x, y = points[-1]
        shapes.append(dot(x, y, "dot candidate", 3.5))
        shapes.append(text(WIDTH, min(max(y + 4, 12), base + 4), f"{known[-1]:.3f}", "note", "end"))
    return canvas(shapes, WIDTH, height, label)


def intervals(points: Sequence[tuple[str, Sequence[float | None]]], registered: Json | None, label: str) -> Html:
    """Draw a metric with its interval over the windows, and the registered interval as a band.

    Parameters
    ----------
    points
        Per window its start, and value, low and high.
    registered
        ``value``, ``low``, ``high``; None: none is known.
    label
        For screen readers.
    """
    height, left, right, top, base = 170.0, 44.0, 8.0, 12.0, 140.0
    bounds = [value for _, each in points for value in each if value is not None]
    bounds += [value for value in (registered or {}).values() if value is not None]
    low, high = (min(bounds), max(bounds)) if bounds else (0.0, 1.0)
    edge = (high - low) * 0.08 or 0.05
    low, high = low - edge, high + edge

    def up(value: float) -> float:
        return base - (value - low) / (high - low) * (base - top)

    shapes = []
    if registered and registered["low"] is not None and registered["high"] is not None:
        tall = up(registered["low"]) - up(registered["high"])
        shapes.append(bar(left, up(registered["high"]), WIDTH - left - right, tall, "band"))
    marks = ticks(low, high, 4)
    for mark in marks:
        shapes += [line(left, up(mark), WIDTH - right, up(mark), "grid")]
        shapes.append(text(left - 6, up(mark) + 4, tick_text(mark, marks), "tick", "end"))
    if registered and registered["value"] is not None:
        shapes.append(line(left, up(registered["value"]), WIDTH - right, up(registered["value"]), "guide"))
    step = (WIDTH - left - right) / max(len(points), 1)
    for index, (start, (value, least, most)) in enumerate(points):
        x = left + (index + 0.5) * step
        if value is None:
            continue
        if least is not None and most is not None:
            shapes.append(line(x, up(least), x, up(most), "whisker candidate"))
        shapes.append(dot(x, up(value), "dot candidate", 3.5, f"{time_text(start)}: {number(value)}"))
    if points:
        shapes.append(text(left, height - 10, time_text(points[0][0]), "tick"))
        if len(points) > 3:
            shapes.append(text(WIDTH - right, height - 10, time_text(points[-1][0]), "tick", "end"))
    return canvas(shapes, WIDTH, height, label)


def ranks(features: Sequence[Json], most: int, label: str) -> Html:
    """Draw lines from each feature's rank in the baseline to its rank in the window; ranks after `most` are one."""
    places = [tuple(min(each[side], most + 1) for side in ("baseline_rank", "live_rank")) for each in features]
    high, top = 22.0, 26.0
    left, right = 138.0, WIDTH - 138.0
    shapes = [text(left - 10, 12, "baseline", "axis", "end"), text(right + 10, 12, "window", "axis")]
    for each, (before, after) in zip(features, places, strict=True):
        y1, y2 = (top + (place - 1) * high for place in (before, after))
        shapes += [
            line(left, y1, right, y2, "slope" + (" moved" if before != after else "")),
            dot(left, y1, "dot was", 3.5),
            dot(right, y2, "dot candidate", 3.5),
        ]
        if before <= most:
            shapes.append(text(left - 10, y1 + 4, f"{cut(each['name'], 17)}  {before}", "label", "end"))
        if after <= most:
            shapes.append(text(right + 10, y2 + 4, f"{after}  {cut(each['name'], 17)}", "label"))
    if any(before > most for before, _ in places):
        shapes.append(text(left - 10, top + most * high + 4, "further down", "note", "end"))
    if any(after > most for _, after in places):
        shapes.append(text(right + 10, top + most * high + 4, "further down", "note"))
    count = max((max(pair) for pair in places), default=0)
    return canvas(shapes, WIDTH, top + count * high, label)
