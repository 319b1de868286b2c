"""A nightly evaluation as a page: one self-contained HTML file, made of nightly.json and nothing else.

The verdict comes first, with its reasons in words; then the judged metrics beside the registered ones and over the last
nights, what was asked, and where everything comes from. All markup is made by `muster_numerics.report_markup`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from muster_jobs.numbers import interval, number, signed, tick_text, ticks
from muster_jobs.report import POLICY
from muster_jobs.style import CSS
from muster_jobs.svg import bar, dot, line, text
from muster_numerics.report_markup import (
    Html,
    bound,
    code,
    estimate,
    facts,
    grid,
    html,
    join,
    listing,
    panel,
    section,
    table,
    tag,
    time_text,
    whole,
)
from muster_numerics.report_plots import WIDTH, canvas
from muster_numerics.report_style import DRIFT_CSS

Json = dict[str, Any]
MOST_REASONS = 12
NIGHTLY_CSS = """
.verdict.unchanged { background: var(--good-wash); border-color: var(--good); }
.verdict.unchanged h2 { color: var(--good); }
.verdict.regressed, .verdict.unavailable { background: var(--bad-wash); border-color: var(--bad); }
.verdict.regressed h2, .verdict.unavailable h2 { color: var(--bad); }
.verdict.changing { background: var(--panel); border-color: var(--muted); }
svg .dot.bad { fill: var(--bad); }
svg .whisker.bad { stroke: var(--bad); }
svg .gone { fill: var(--bad); font-weight: 600; }
"""
VERDICTS = {"fine": ("no worse", "none"), "worse": ("worse", "drift"), "not_judged": ("not judged", "none")}
MISSING = {"unavailable": ("×", "gone"), "changing": ("–", "tick")}
"""What stands in the plot for a night without figures, and its class."""
LEFT, RIGHT, TOP, BASE = 48.0, 8.0, 12.0, 148.0


def render(document: Json) -> str:
    """Return the page.

    Parameters
    ----------
    document
        nightly.json (contract NightlyReport).
    """
    subject = document["nightly"]
    title = f"{document['headline']}: {subject['endpoint']}, {time_text(document['at'])}"
    parts = [
        header(document),
        verdict(document),
        overview(document),
        metrics(document),
        nights(document),
        provenance(document),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html(title)}</title><style>{CSS}{DRIFT_CSS}{NIGHTLY_CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )


def header(document: Json) -> Html:
    """Return title and subject."""
    subject = document["nightly"]
    group, _, version = subject["package_arn"].rpartition("/")
    package = f"version {version} of {group.rpartition('/')[2]}" if group else subject["package_arn"]
    return tag(
        "header",
        tag("p", "Muster nightly evaluation", class_="eyebrow"),
        tag("h1", subject["endpoint"]),
        tag("p", f"{time_text(document['at'])} UTC. Model {subject['model']}, {package}.", class_="muted"),
    )


def verdict(document: Json) -> Html:
    """Return the verdict with its reasons in words."""
    reasons = list(document["reasons"][:MOST_REASONS])
    if len(document["reasons"]) > MOST_REASONS:
        reasons.append(f"and {len(document['reasons']) - MOST_REASONS} more, below")
    return tag("section", tag("h2", document["headline"]), listing(reasons), class_=f"verdict {document['outcome']}")


def overview(document: Json) -> Html:
    """Return the few figures that one wants at a glance."""
    subject, asked, answers = document["nightly"], document["asked"], document["answers"]
    figures = [
        ("rows", whole(sum(each["rows"] for each in subject["holdouts"].values()))),
        ("requests answered", f"{whole(asked['next'])} of {whole(subject['requests'])}"),
        ("sent again", whole(asked["retried"])),
    ]
    if answers:
        figures += [("answers that differ", whole(answers["differing"])), ("by up to", number(answers["largest"]))]
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in figures)
    return tag("dl", *items, class_="overview")


def metrics(document: Json) -> Html:
    """Return the judged metrics, tonight beside registered."""
    found = document["figures"]
    if not found:
        return Html("")
    paired = any(each["difference"] for each in found)
    rows = []
    for each in found:
        words, tone = VERDICTS[each["verdict"]]
        name = join((f"{each['metric']}, {each['holdout']} ", tag("span", words, class_=f"badge {tone}")))
        cells = [name, estimate(**each["tonight"]), estimate(**each["registered"])]
        if paired:
            gap = each["difference"] or {"value": None, "low": None, "high": None}
            ends = interval(gap["low"], gap["high"])
            cells.append(join((signed(gap["value"]), tag("small", ends) if ends else "")))
        rows.append(cells)
    heads = ["Metric, holdout", "Tonight", "Registered", *(["Difference"] if paired else [])]
    words = (
        "The rows are the same as when the model was registered. "
        + (
            "The difference is that of the same rows, positive where tonight is better; a metric is worse when its whole "
            "interval is below zero and more than rounding."
            if paired
            else "The registered predictions are not at hand: a metric is worse when the two intervals do not meet."
        )
        + f" Intervals are of {bound(document['confidence'])}."
    )
    return section("Tonight beside registered", words, tag("div", table(heads, rows, "Judged metrics"), class_="panel"))


def nights(document: Json) -> Html:
    """Return each judged metric over the last nights."""
    now = {
        "at": document["at"],
        "outcome": document["outcome"],
        "package_arn": document["nightly"]["package_arn"],
        "figures": [
            {
                "holdout": each["holdout"],
                "metric": each["metric"],
                "worse": each["verdict"] == "worse",
                **each["tonight"],
            }
            for each in document["figures"]
        ],
    }
    all_nights = [*document["history"], now]
    places = list(
        dict.fromkeys((each["holdout"], each["metric"]) for night in reversed(all_nights) for each in night["figures"])
    )
    if len(all_nights) < 2 or not places:
        return Html("")
    primary = document["primary_metric"]
    places.sort(key=lambda place: (place[1] != primary, place[1], place[0] != "reference"))
    before = {(each["holdout"], each["metric"]): each["registered"] for each in document["figures"]}
    panels = []
    for place in places:
        label = f"{place[1]} on the {place[0]} holdout"
        panels.append(panel(label, over_nights(place, all_nights, before.get(place), label)))
    words = (
        "Red: worse than registered. Upright lines: another model came into service. ×: the endpoint could not be asked, –: "
        "a rollout was under way."
    )
    if before:
        words = f"The band is the registered interval of the model that serves now, the dotted line its value. {words}"
    return section(f"The last {whole(len(all_nights))} nights", words, grid(*panels))


def over_nights(place: tuple[str, str], found: Sequence[Json], registered: Json | None, label: str) -> Html:
    """Draw a metric on a holdout, with its interval, night by night; the last night is this one.

    Parameters
    ----------
    place
        Holdout and metric.
    registered
        Its registered interval; None: the night has no figures.
    """
    height = 190.0
    figures = [
        next((each for each in night["figures"] if (each["holdout"], each["metric"]) == place), None) for night in found
    ]
    scale = _Scale([each for each in (*figures, registered) if each], len(found))
    shapes = [*_registered(found, registered, scale), *scale.grid()]
    for index, (night, figure) in enumerate(zip(found, figures, strict=True)):
        shapes += _night(scale, index, night, figure)
    shapes.append(text(LEFT, height - 10, time_text(found[0]["at"]), "tick"))
    shapes.append(text(WIDTH - RIGHT, height - 10, time_text(found[-1]["at"]), "tick", "end"))
    return canvas(shapes, WIDTH, height, label)


class _Scale:
    """The places of nights and values.

    Parameters
    ----------
    shown
        Intervals that have to be in sight.
    count
        Nights.
    """

    def __init__(self, shown: Sequence[Json], count: int) -> None:
        known = [each[end] for each in shown for end in ("value", "low", "high") if each[end] is not None]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        edge = (high - low) * 0.08 or abs(high) * 0.05 or 0.05
        self.low, self.high = low - edge, high + edge
        self.step = (WIDTH - LEFT - RIGHT) / count
        self.radius = 3.5 if count < 30 else 2.5

    def up(self, value: float) -> float:
        """Return the height of a value."""
        return BASE - (value - self.low) / (self.high - self.low) * (BASE - TOP)

    def begins(self, index: int) -> float:
        """Return where a night begins; its point is half a step further."""
        return LEFT + index * self.step

    def grid(self) -> list[str]:
        """Return lines at round values."""
        marks = ticks(self.low, self.high, 4)
        lines = [line(LEFT, self.up(mark), WIDTH - RIGHT, self.up(mark), "grid") for mark in marks]
        return [*lines, *(text(LEFT - 6, self.up(mark) + 4, tick_text(mark, marks), "tick", "end") for mark in marks)]


def _registered(found: Sequence[Json], registered: Json | None, scale: _Scale) -> list[str]:
    """Return the registered interval, from where the model came into service, and where other models did."""
    serving = len(found) - 1
    while serving and found[serving - 1]["package_arn"] == found[-1]["package_arn"]:
        serving -= 1
    since, shapes = scale.begins(serving), []
    if registered and registered["low"] is not None and registered["high"] is not None:
        top, tall = scale.up(registered["high"]), scale.up(registered["low"]) - scale.up(registered["high"])
        shapes.append(bar(since, top, WIDTH - RIGHT - since, max(tall, 1), "band"))
    if registered and registered["value"] is not None:
        y = scale.up(registered["value"])
        shapes.append(line(since, y, WIDTH - RIGHT, y, "guide"))
    for index, (one, other) in enumerate(pairwise(found), start=1):
        if one["package_arn"] != other["package_arn"]:
            shapes.append(line(scale.begins(index), TOP, scale.begins(index), BASE, "zero"))
    return shapes


def _night(scale: _Scale, index: int, night: Json, figure: Json | None) -> list[str]:
    x = scale.begins(index) + scale.step / 2
    if figure is None or figure["value"] is None:
        mark, class_ = MISSING.get(night["outcome"], ("–", "tick"))
        return [text(x, BASE + 12, mark, class_, "middle")]
    tone = "bad" if figure["worse"] else "candidate"
    title = f"{time_text(night['at'])}: {number(figure['value'])}"
    point = dot(x, scale.up(figure["value"]), f"dot {tone}", scale.radius, title)
    if figure["low"] is None or figure["high"] is None:
        return [point]
    return [line(x, scale.up(figure["low"]), x, scale.up(figure["high"]), f"whisker {tone}"), point]


def provenance(document: Json) -> Html:
    """Return the section on how it was done, and where everything comes from."""
    subject, asked = document["nightly"], document["asked"]
    pairs: list[tuple[object, object]] = [
        ("Model package", code(subject["package_arn"])),
        ("Evidence digest", code(subject["evidence_digest"])),
        ("Registered figures", code(subject["registered"]["digest"])),
        *(
            (f"{kind.capitalize()} holdout", join((code(each["digest"]), f", {whole(each['rows'])} rows")))
            for kind, each in sorted(subject["holdouts"].items(), reverse=True)
        ),
        ("Configuration, ledger", code(subject["config_name"])),
        ("Configuration, found", code(asked["config_name"] or "–")),
        ("Execution", code(document["execution_arn"])),
    ]
    rate = number(subject["requests_per_second"]).rstrip("0").rstrip(".")
    words = (
        f"The frozen holdouts were sent to the endpoint as its callers would, {whole(subject['rows_per_request'])} rows a "
        f"request, at most {rate} requests a second, and the answers scored by the job that scored the model before it was "
        "registered. Beside this page stand nightly.json, with every figure shown here, and evaluation.json, the job's own "
        "report. Digests are sha256."
    )
    return section("How it was measured", words, facts(pairs))
