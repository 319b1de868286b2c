"""The drift report as a page: one self-contained HTML file, made of drift_report.json and nothing else.

The verdict comes first, with its reasons in words; then the last windows, what differs, everything else, and what it all
rests on. Nothing on the page is loaded from elsewhere, and its Content-Security-Policy lets nothing be. Whatever the
data are called, it is text: all markup is made by `muster_numerics.report_markup`.
"""

from typing import Any

from muster_jobs.report import POLICY
from muster_jobs.style import CSS
from muster_numerics import report_features as features
from muster_numerics import report_sections as sections
from muster_numerics.report_document import summary
from muster_numerics.report_markup import Html, grid, html, join, section, share, tag, whole, window_text
from muster_numerics.report_style import DRIFT_CSS

Json = dict[str, Any]
MOST_WINDOWS = 24
"""Windows that are drawn, this one included."""


def render(document: Json) -> str:
    """Return the page.

    Parameters
    ----------
    document
        As `muster_numerics.report_document.build` makes it, or drift_report.json says it.
    """
    windows = [*document["history"], summary(document)][-MOST_WINDOWS:]
    predictions = [column for column in document["columns"] if column["role"] == "prediction"]
    parts = [
        header(document),
        sections.verdict(document),
        overview(document),
        sections.windows_section(document, windows),
        features.moved(document),
        prediction(predictions),
        sections.quality(document, windows),
        sections.bias(document),
        sections.attribution(document, windows),
        sections.data(document),
        features.others(document),
        features.figures_table(document),
        sections.assumptions(document),
        sections.provenance(document),
    ]
    watched = document["watched"]
    title = f"{sections.title_of(document)}: {watched['endpoint']}, {window_text(watched['window'])}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html(title)}</title><style>{CSS}{DRIFT_CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )


def header(document: Json) -> Html:
    """Return title and subject."""
    watched = document["watched"]
    what = "Muster drift report" if watched["subject"] == "endpoint" else "Muster drift report of a batch"
    package = watched["package_arn"].rpartition("/")
    version = f"version {package[2]} of {package[0].rpartition('/')[2]}" if package[0] else watched["package_arn"]
    return tag(
        "header",
        tag("p", what, class_="eyebrow"),
        tag("h1", watched["endpoint"]),
        tag("p", f"{window_text(watched['window'])}. Model {watched['model']}, {version}.", class_="muted"),
    )


def overview(document: Json) -> Html:
    """Return the few figures that one wants at a glance."""
    data, columns = document["data"], document["columns"]
    counts = {verdict: sum(column["verdict"] == verdict for column in columns) for verdict in ("drift", "warn")}
    figures = [("rows", whole(data["rows"]))]
    if columns:
        figures += [
            ("columns compared", whole(len(columns))),
            ("moved", whole(counts["drift"])),
            ("to watch", whole(counts["warn"])),
        ]
    figures += [("unreadable", share(data["poison_share"])), ("late files", whole(data["late_files"]))]
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in figures)
    return tag("dl", *items, class_="overview")


def prediction(columns: list[Json]) -> Html:
    """Return the section on the model's answers; those that differ are shown large further up as well."""
    if not columns:
        return Html("")
    differing = [column["name"] for column in columns if column["verdict"] != "none"]
    words = (
        join(
            (
                ", ".join(differing),
                " differs from" if len(differing) == 1 else " differ from",
                " the answers on the reference holdout: see above.",
            )
        )
        if differing
        else "The model's answers, compared with those on the reference holdout."
    )
    shown = [features.feature_panel(column, ()) for column in columns if column["verdict"] == "none"]
    inner = (features.KEY, grid(*shown)) if shown else ()
    return section("Predictions", words, *inner)
