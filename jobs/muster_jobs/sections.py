"""The sections of the report, each a heading, a sentence to read it by, and figures."""

from collections.abc import Callable
from html import escape

from muster_jobs import intervals, plots, readings
from muster_jobs.curves import confusion
from muster_jobs.intervals import Estimate
from muster_jobs.measuring import HoldoutResult
from muster_jobs.metrics import METRICS
from muster_jobs.numbers import interval, number, p_value, short, signed

MODELS = ("candidate", "champion")
MOST_FEATURES = 15
MOST_CLASSES = 12
"""A confusion matrix of more classes than this is too small to read; the report leaves it out."""


def section(title: str, reading: str, *panels: str, key: bool = False, before: str = "") -> str:
    """Return a section; `key` explains the colours, `before` is a figure on a line of its own."""
    legend = (
        '<ul class="key"><li class="candidate">candidate</li><li class="champion">champion</li></ul>' if key else ""
    )
    grid = f'<div class="grid">{"".join(panels)}</div>' if panels else ""
    single = f'<div class="grid single">{before}</div>' if before else ""
    return f'<section><h2>{escape(title)}</h2><p class="reading">{escape(reading)}</p>{legend}{single}{grid}</section>'


def panel(title: str, inner: str) -> str:
    """Return a framed figure."""
    return f'<div class="panel"><h3>{escape(title)}</h3>{inner}</div>'


def per_holdout(results: dict[str, HoldoutResult], draw: Callable[[HoldoutResult], str]) -> list[str]:
    """Return one panel per holdout."""
    return [
        panel(f"{kind.capitalize()} holdout, {len(result.features.ids)} rows", draw(result))
        for kind, result in results.items()
    ]


def summary(results: dict[str, HoldoutResult], metrics: list[str], primary: str, significance: float) -> str:
    """Return the section with all metrics in a table per holdout."""
    reading = " ".join(readings.primary(result, primary, significance) for result in results.values())
    ordered = [primary, *(name for name in metrics if name != primary)]
    return section("Summary", reading, *per_holdout(results, lambda result: summary_table(result, ordered)))


def summary_table(result: HoldoutResult, metrics: list[str]) -> str:
    """Return the table of one holdout, the primary metric first."""
    both = result.comparison is not None
    head = "".join(f"<th>{each}</th>" for each in ("", "Candidate", *(("Champion", "Difference") if both else ())))
    rows = []
    for index, name in enumerate(metrics):
        arrow = " ↓" if METRICS[name].lower_is_better else ""
        cells = f"<th>{METRICS[name].title}{arrow}</th>{value_cell(result.models['candidate'].overall[name])}"
        if result.comparison:
            cells += value_cell(result.models["champion"].overall[name])
            found = result.comparison.overall[name]
            tone = (
                ""
                if found.low is None or found.high is None
                else "better"
                if found.low > 0
                else "worse"
                if found.high < 0
                else ""
            )
            cells += f'<td class="{tone}">{signed(found.difference)}<small>{p_value(found.p_better)}</small></td>'
        rows.append(f'<tr class="{"primary" if index == 0 else ""}">{cells}</tr>')
    return f'<div class="scroll"><table class="summary"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def value_cell(found: Estimate) -> str:
    """Return a table cell with value and interval, or a dash and the reason."""
    if found.value is None:
        return f'<td title="{escape(found.reason)}">–<small>{escape(found.reason)}</small></td>'
    return f"<td>{number(found.value)}<small>{interval(found.low, found.high)}</small></td>"


def against_champion(results: dict[str, HoldoutResult], metrics: list[str], evaluation_spec: dict) -> str:
    """Return the section with the primary metric of both models and, with a champion, all differences."""
    primary, margin = evaluation_spec["primary_metric"], evaluation_spec["non_inferiority_margin"]
    title = METRICS[primary].title
    gates = {}
    for gate in evaluation_spec["gates"]:
        for end, words in (("min", "gate: at least"), ("max", "gate: at most")):
            if gate["metric"] == primary and gate.get(end) is not None:
                gates[float(gate[end])] = f"{words} {short(gate[end])}"
    rows = [
        plots.Row(
            f"{kind.capitalize()} holdout", "", known({m: each.overall[primary] for m, each in result.models.items()})
        )
        for kind, result in results.items()
    ]
    first = panel(f"{title} on each holdout", plots.forest(rows, f"{title} of the models on each holdout", gates))
    if not any(result.comparison for result in results.values()):
        reading = "Intervals of the primary metric; no champion serves yet, so there is nothing to compare with."
        return section(title, reading, first)
    panels = []
    ordered = [primary, *(name for name in metrics if name != primary)]
    for kind, result in results.items():
        if result.comparison:
            guide = {-margin: f"margin {short(-margin)}"} if kind == "reference" else {}
            panels.append(panel(f"Differences, {kind} holdout", difference_forests(result, ordered, guide)))
    reading = (
        "Right of the zero line the candidate is better, whatever the metric; an interval that does not reach the line "
        f"shows a difference. The reference margin applies to {title}."
    )
    return section("Candidate against champion", reading, *panels, key=True, before=first)


def difference_forests(result: HoldoutResult, metrics: list[str], guide: dict[float, str]) -> str:
    """Return the differences of a holdout: metrics between 0 and 1 on one scale, each of the others on its own.

    `metrics` has the primary one first: its plot comes first and gets the guide.
    """
    bounded = [name for name in metrics if name not in intervals.HIGHEST and name not in intervals.LOWEST]
    scales = [bounded] if bounded else []
    scales += [[name] for name in metrics if name not in bounded]
    scales.sort(key=lambda names: metrics[0] not in names)
    drawn = []
    for names in scales:
        rows, lines = difference_rows(result, names), guide if metrics[0] in names else {}
        drawn.append(plots.forest(rows, f"Differences on {result.kind}: {', '.join(names)}", lines, signed=True))
    return "".join(drawn)


def difference_rows(result: HoldoutResult, metrics: list[str]) -> list[plots.Row]:
    """Return a forest row per metric that could be compared."""
    rows = []
    for name in metrics:
        found = result.comparison.overall[name] if result.comparison else None
        if found is None:
            continue
        if found.difference is None or found.low is None or found.high is None:
            rows.append(plots.Row(METRICS[name].title, "", {}, found.reason))
        else:
            note = f"{signed(found.difference)}  {p_value(found.p_better)}"
            rows.append(plots.Row(METRICS[name].title, note, {"candidate": (found.difference, found.low, found.high)}))
    return rows


def known(estimates: dict[str, Estimate]) -> dict[str, tuple[float, float, float]]:
    """Return the intervals of those models for which there is one."""
    return {
        model: (found.value, found.low, found.high)
        for model, found in estimates.items()
        if found.value is not None and found.low is not None and found.high is not None
    }


def classification(results: dict[str, HoldoutResult], confidence: float) -> list[str]:
    """Return the sections on decisions and probabilities."""
    scores = {kind: result.scores for kind, result in results.items()}
    sections = []
    candidate = {kind: each["candidate"] for kind, each in scores.items()}
    one = next(iter(candidate.values()))
    both = any(len(each) > 1 for each in scores.values())
    if one.problem_type == "binary":
        two_classes = {
            kind: result for kind, result in results.items() if len(set(candidate[kind].truth.tolist())) == 2
        }
        if two_classes:
            words = "The further a curve bends to the upper left, the better the model separates the classes; the diagonal is chance."
            drawn = per_holdout(two_classes, lambda result: plots.roc_plot(result.scores, f"ROC on {result.kind}"))
            sections.append(section("ROC", words, *drawn, key=both))
    if len(one.classes) <= MOST_CLASSES:
        words = " ".join(readings.decisions(each, kind) for kind, each in candidate.items())
        sections.append(section("Confusion", words, *per_holdout(results, confusion_tables)))
    words = " ".join(readings.reliability(each, kind) for kind, each in candidate.items())
    drawn = per_holdout(
        results, lambda result: plots.calibration_plot(result.scores, confidence, f"Calibration on {result.kind}")
    )
    sections.append(section("Calibration", words, *drawn, key=both))
    return sections


def confusion_tables(result: HoldoutResult) -> str:
    """Return the confusion matrix of each model on a holdout."""
    tables = []
    for model in MODELS:
        if model not in result.scores:
            continue
        scores = result.scores[model]
        counts = confusion(scores)
        head = "".join(f"<th>{escape(name)}</th>" for name in scores.classes)
        body = ""
        for name, row in zip(scores.classes, counts, strict=True):
            shares = row / max(row.sum(), 1)
            cells = "".join(
                f'<td style="--share:{0.06 + 0.5 * share:.2f}">{count}</td>'
                for count, share in zip(row, shares, strict=True)
            )
            body += f"<tr><th>{escape(name)}</th>{cells}</tr>"
        caption = f"<caption>{model.capitalize()}: rows are true, columns decided</caption>"
        head = f"<thead><tr><th></th>{head}</tr></thead>"
        tables.append(
            f'<div class="scroll"><table class="confusion">{caption}{head}<tbody>{body}</tbody></table></div>'
        )
    return "".join(tables)


def regression(results: dict[str, HoldoutResult]) -> list[str]:
    """Return the sections on errors."""
    words = " ".join(readings.residuals(result.scores["candidate"], kind) for kind, result in results.items())
    drawn = [
        *per_holdout(
            results, lambda result: plots.predicted_plot(result.scores["candidate"], f"Predictions on {result.kind}")
        ),
        *per_holdout(
            results, lambda result: plots.residual_plot(result.scores["candidate"], f"Residuals on {result.kind}")
        ),
    ]
    return [section("Predictions and residuals", words, *drawn)]


def slices(results: dict[str, HoldoutResult], primary: str) -> str:
    """Return the section with the primary metric per slice."""
    words = " ".join(readings.weakest_slice(result, primary) for result in results.values())
    drawn = per_holdout(results, lambda result: plots.forest(slice_rows(result, primary), f"Slices of {result.kind}"))
    both = any(result.comparison for result in results.values())
    return section(f"{METRICS[primary].title} per slice", words, *drawn, key=both)


def slice_rows(result: HoldoutResult, metric: str) -> list[plots.Row]:
    """Return a forest row per slice."""
    rows = []
    for name, (count, found) in result.models["candidate"].slices.items():
        both = {model: each.slices[name][1][metric] for model, each in result.models.items()}
        note = f"{count} rows, {number(found[metric].value)}"
        missing = f"{count} rows: {found[metric].reason}" if found[metric].value is None else ""
        rows.append(plots.Row(name, "" if missing else note, known(both), missing))
    return rows


def bias_groups(results: dict[str, HoldoutResult]) -> str:
    """Return the section on differences between groups."""
    columns = list(next(iter(results.values())).models["candidate"].bias)
    words = " ".join(readings.bias(result, column) for column in columns for result in results.values())
    return section("Bias groups", words, *per_holdout(results, bias_table))


def bias_table(result: HoldoutResult) -> str:
    """Return the groups of every bias column in a table."""
    models = [model for model in MODELS if model in result.models]
    head = "".join(f"<th>{each}</th>" for each in ("Group", "Rows", *(model.capitalize() for model in models)))
    body = ""
    for column, bias in result.models["candidate"].bias.items():
        for group, (rows, _) in bias.groups.items():
            values = "".join(
                f"<td>{number(result.models[model].bias[column].groups[group][1])}</td>" for model in models
            )
            body += f"<tr><th>{escape(f'{column}={group}')}</th><td>{rows}</td>{values}</tr>"
        gaps = "".join(value_cell(result.models[model].bias[column].difference) for model in models)
        body += f"<tr><th>{METRICS[bias.metric].title}: difference</th><td></td>{gaps}</tr>"
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def attributions(found: list[dict]) -> str:
    """Return the section on what moves the predictions."""
    items = [(each["feature"], each["importance"]) for each in found[:MOST_FEATURES] if each["importance"] > 0]
    title = "Mean absolute contribution to a prediction, reference holdout"
    return section("Feature attributions", readings.importance(found), before=panel(title, plots.bars(items, title)))
