"""The sections beside the columns: windows, model quality, bias, attribution, data, assumptions, provenance."""

from collections.abc import Sequence
from typing import Any

from muster_numerics.poison import REASONS
from muster_numerics.report_features import over_windows
from muster_numerics.report_markup import (
    Html,
    bound,
    bytes_text,
    code,
    estimate,
    facts,
    grid,
    html,
    join,
    listing,
    panel,
    plain,
    section,
    sentence,
    share,
    size,
    table,
    tag,
    time_text,
    whole,
    window_text,
    with_times,
)
from muster_numerics.report_plots import intervals, ranks, timeline, trend
from muster_numerics.report_words import TITLES

Json = dict[str, Any]
MEASURES = {"positive_proportion": "decided positive", "true_positive_rate": "positives found (recall)"}
QUALITY_TITLES = {
    "measured": "Not shown to be worse than registered",
    "regressed": "Worse than registered",
    "insufficient": "Not enough labels yet",
    "not_measured": "Not measured",
}
VERDICTS = {"fine": "no worse", "worse": "worse", "beyond": "beyond the limit", "not_judged": "not judged", None: "–"}
MOST_RANKS = 12
MOST_RANGES = 12
METRIC_PLOTS = 4


def windows_section(document: Json, windows: Sequence[Json]) -> Html:
    """Return the section on the last windows; `windows` ends with this one."""
    if len(windows) < 2:
        return Html("")
    letters = "w: something to watch, S: drift suspected, D: drift confirmed, –: too few rows, ?: not conclusive"
    first = panel("Rows and outcome", timeline(windows), tag("p", letters, class_="note"))
    effects, missing = over_windows(document, windows)
    return section(
        "The last windows", None, grid(tag("div", first, missing, class_="stack"), effects, class_="windows")
    )


# -- quality -----------------------------------------------------------------------------------------------------------
def quality(document: Json, windows: Sequence[Json]) -> Html:
    """Return the section on model quality."""
    found = document["quality"]
    if found is None:
        batch = document["watched"]["subject"] == "batch"
        why = ": labels are joined with the answers of endpoints only." if batch else "."
        return section("Model quality", f"Not measured in this run{why}")
    parts = [tag("strong", QUALITY_TITLES[found["status"]]), f": {found['reason']}." if found["reason"] else "."]
    if found["window"]:
        parts += [f" Answers of {window_text(found['window'])}"]
        parts += [f", {whole(found['rows'])} rows with labels." if found["rows"] is not None else "."]
    if found["files"] and found["files_read"] is not None and found["files_read"] < found["files"]:
        parts.append(
            f" {whole(found['files_read'])} of {whole(found['files'])} files were read, chosen by their digest."
        )
    if not found["metrics"]:
        return section("Model quality", join(parts))
    head = ("Metric", "Now", "Registered")
    rows = [
        (
            join(
                (
                    metric["name"],
                    " ",
                    tag("span", VERDICTS[metric["verdict"]], class_="badge " + _tone(metric["verdict"])),
                )
            ),
            estimate(metric["value"], metric["low"], metric["high"], metric["reason"]),
            estimate(**metric["registered"]) if metric["registered"] else "–",
        )
        for metric in found["metrics"]
    ]
    level = found["judged_confidence"] or found["confidence"]
    confidence = f"{bound(round(level, 5))} intervals" if level else "intervals"
    panels = [panel(f"Now and when registered, with {confidence}", table(head, rows, "Metrics"))]
    for metric in found["metrics"][:METRIC_PLOTS]:
        points = metric_points(metric["name"], windows)
        if len(points) > 1:
            label = f"{metric['name']} over the windows"
            note = tag("p", "The band is the registered interval.", class_="note") if metric["registered"] else ""
            panels.append(panel(f"{metric['name']} over time", intervals(points, metric["registered"], label), note))
    return section("Model quality", join(parts), grid(*panels))


def metric_points(name: str, windows: Sequence[Json]) -> list[tuple[str, Sequence[float | None]]]:
    """Return a metric over the windows in which it was measured."""
    return [
        (window["window"]["start"], window["quality"]["metrics"][name])
        for window in windows
        if window["quality"] and name in window["quality"]["metrics"]
    ]


def _tone(verdict: str | None) -> str:
    return {"fine": "none", "worse": "drift", "beyond": "drift"}.get(verdict or "", "warn")


def bias(document: Json) -> Html:
    """Return the section on groups."""
    found = (document["quality"] or {}).get("bias") or ()
    if not found:
        return Html("")
    head = ("Group", "Rows", "Difference", "Limit")
    rows = [
        (
            _group(each),
            whole(each["rows"]),
            estimate(each["value"], each["low"], each["high"], each["reason"]),
            "–" if each["limit"] is None else f"±{size(each['limit'])}",
        )
        for each in found
    ]
    words = (
        "Each group's share less that of all other rows: above zero the group gets more. A difference counts only if its "
        "whole interval is beyond the limit."
    )
    return section("Bias", words, tag("div", table(head, rows, "Groups compared with all others"), class_="panel"))


def _group(found: Json) -> Html:
    verdict = tag("span", VERDICTS[found["verdict"]], class_="badge " + _tone(found["verdict"]))
    return join(
        (
            f"{found['column']} = {found['group']} ",
            verdict,
            tag("small", MEASURES.get(found["measure"], found["metric"])),
        )
    )


def attribution(document: Json, windows: Sequence[Json]) -> Html:
    """Return the section on what moves the predictions."""
    found = document["attribution"]
    if found is None:
        return Html("")
    words = sentence(found["reason"] or "")
    if found["ndcg"] is not None:
        words += (
            f" Measured on {whole(found['rows'] or 0)} rows: do the features that mattered most in the baseline still do? "
            f"NDCG of 1 is full agreement, at least {size(found['least'])} is wanted."
        )
    ranked = [each for each in found["features"] if each["baseline_rank"] and each["live_rank"]]
    shown = [each for each in ranked if min(each["baseline_rank"], each["live_rank"]) <= MOST_RANKS][: 2 * MOST_RANKS]
    panels = []
    if shown:
        panels.append(
            panel("Rank by importance", ranks(shown, MOST_RANKS, "Rank of each feature in baseline and window"))
        )
        head = ("Feature", "Rank", "Importance")
        rows = [
            (
                each["name"],
                f"{each['baseline_rank']} → {each['live_rank']}",
                f"{size(each['baseline'])} → {size(each['live'])}",
            )
            for each in shown
        ]
        panels.append(panel("Mean absolute contribution", table(head, rows, "Importance of features")))
    past = [window["ndcg"] for window in windows]
    if sum(value is not None for value in past) > 1:
        drawn = trend(past, "NDCG over the windows", low=found["least"])
        panels.append(panel("NDCG over the windows", drawn))
    return section("Attribution", words, grid(*panels) if panels else "")


# -- data --------------------------------------------------------------------------------------------------------------
def data(document: Json) -> Html:
    """Return the section on what was read."""
    found = document["data"]
    counted: list[tuple[object, object]] = [
        ("Files", f"{whole(found['files'])}, {bytes_text(found['bytes'])}"),
        ("of these late", whole(found["late_files"])),
        ("Records", whole(found["records"])),
        ("Rows", whole(found["rows"])),
        ("Unreadable records", f"{whole(found['poison_records'])} ({share(found['poison_share'])})"),
        ("Records without an answer", whole(found["without_answer"])),
        ("Muster's own requests", f"{whole(found['own'])}, not counted"),
    ]
    panels = [panel("Counts", facts(counted))]
    if found["poison"]:
        rows = [
            (REASONS.get(reason, reason), whole(count), share(count / max(1, found["records"])))
            for reason, count in found["poison"].items()
        ]
        note = tag("p", "Each is in the quarantine, with file, line and what was found.", class_="note")
        panels.append(
            panel("Unreadable, by reason", table(("Reason", "Records", "Share"), rows, "Unreadable records"), note)
        )
    if found["findings"]:
        panels.append(panel("Columns and types", listing(_finding(each) for each in found["findings"])))
    if found["gaps"]:
        shown = [*found["gaps"][:12], *([f"and {len(found['gaps']) - 12} more"] if len(found["gaps"]) > 12 else [])]
        panels.append(panel("Without any file", listing(with_times(each) for each in shown)))
    panels += [each for each in (_ranges(document["columns"]), _new_words(document["columns"])) if each]
    return section("Data", _data_words(found), grid(*panels, class_="windows"))


def _data_words(found: Json) -> str:
    said = []
    if found["late_files"]:
        said.append("Late files belong to earlier windows that were judged without them; their rows are counted here.")
    if found["gaps"]:
        said.append("In part of the window no file was written: there was no traffic, or nothing was captured.")
    return " ".join(said)


def _finding(found: Json) -> Html:
    return join(
        (
            tag(
                "span",
                "broken" if found["breach"] else "note",
                class_=f"badge {'drift' if found['breach'] else 'warn'}",
            ),
            " ",
            found["text"],
        )
    )


def _ranges(columns: Sequence[Json]) -> Html | None:
    out = {column["name"]: column["window"]["below"] + column["window"]["above"] for column in columns}
    ordered = sorted((column for column in columns if out[column["name"]]), key=lambda column: -out[column["name"]])
    rows = [
        (
            column["name"],
            whole(column["window"]["below"]),
            whole(column["window"]["above"]),
            share(out[column["name"]] / max(1, column["window"]["rows"])),
        )
        for column in ordered
    ]
    if not rows:
        return None
    more = tag("p", f"and {len(rows) - MOST_RANGES} more", class_="note") if len(rows) > MOST_RANGES else ""
    return panel(
        "Outside the baseline's range",
        table(("Column", "Below", "Above", "Share"), rows[:MOST_RANGES], "Rows out of range"),
        more,
    )


def _new_words(columns: Sequence[Json]) -> Html | None:
    rows: list[tuple[object, object]] = []
    for column in columns:
        if column["new_words"]:
            named = sorted(column["new_words"].items(), key=lambda item: (-item[1], item[0]))
            said = ", ".join(f"{word} ({whole(count)})" for word, count in named[:8])
            rows.append((column["name"], said + (f" and {len(named) - 8} more" if len(named) > 8 else "")))
    return panel("New categories", facts(rows)) if rows else None


# -- assumptions and provenance ----------------------------------------------------------------------------------------
def assumptions(document: Json) -> Html:
    """Return the section on what the verdict rests on."""
    rules, gate = document["rules"], document["rules"]["gate"]
    said: list[object] = [sentence(each) for each in document["assumptions"]]
    said += [
        f"The chance of any false alarm in a run is at most {bound(rules['false_alarms'])}, over all columns together "
        f"(Holm); {bound(rules['prediction_share'])} of it is kept for the predictions. Of the warnings, "
        f"{bound(rules['false_warnings'])} are expected to be false (Benjamini-Hochberg).",
        f"A difference matters from KS {size(gate['ks'])}, {bound(gate['width'])} more or less width, "
        f"{bound(gate['missing'])} more or less missing rows, "
        f"{bound(gate['level'])} of a word's share (if that is {bound(gate['level_large'])}, or a ratio of "
        f"{gate['level_ratio']:g}), or {bound(gate['new_level'])} of new words.",
        f"With fewer than {whole(rules['minimum_rows'])} rows nothing is decided; with more than "
        f"{bound(rules['poison_limit'])} unreadable records nothing is concluded. A wrong type or a missing column from "
        f"{bound(rules['type_limit'])} of the rows on means that the data are broken.",
        "Numbers are compared by a binned Anderson-Darling test, Klotz's test of width and a chi-square test of tenths, "
        "words by exact tests and a chi-square test, missing rows by an exact test; no resampling, so the same counts "
        "give the same verdict.",
    ]
    rule = (document["confirmation"] or {}).get("rule")
    if rule:
        said.append(
            f"Drift is confirmed by {rule['drifting']} of the last {rule['among']} windows, or by one whose data are "
            f"broken; the episode ends after {rule['quiet']} windows without drift."
        )
    masked = [column["name"] for column in document["columns"] if column["controlled"]]
    if masked:
        said.append(join(("Controlled, so that no value is shown: ", ", ".join(masked), ". Words are digests.")))
    return section("What was assumed", None, listing(said, "assumed"))


def provenance(document: Json) -> Html:
    """Return the section on where everything comes from."""
    watched = document["watched"]
    pairs: list[tuple[object, object]] = [
        ("Model", watched["model"]),
        ("Model package", code(watched["package_arn"])),
        ("Evidence digest", code(watched["evidence_digest"])),
        ("Endpoint" if watched["subject"] == "endpoint" else "Batch of", watched["endpoint"]),
        ("Window", window_text(watched["window"])),
        ("Judged", f"{time_text(document['at'])} UTC, run {watched['run']}"),
        ("Baseline", join((code(watched["baseline"]["digest"]), f", {whole(watched['baseline']['rows'])} rows"))),
        ("", code(watched["baseline"]["uri"])),
        ("Spec", code(watched["spec"]["digest"])),
        ("Evidence", code(document["evidence_uri"])),
    ]
    words = (
        "Beside this page stand drift_report.json, with every figure shown here, and statistics.json, constraints.json and "
        "constraint_violations.json in Model Monitor's formats. Digests are sha256."
    )
    return section("Provenance", words, facts(pairs))


def title_of(document: Json) -> str:
    """Return the verdict in a few words."""
    if document["watched"]["subject"] == "batch" and document["outcome"] == "drift":
        return "Drift"
    return TITLES[document["outcome"]]


def verdict(document: Json, most: int = 8) -> Html:
    """Return the verdict with its reasons in words."""
    reasons, names = document["reasons"], sorted((c["name"] for c in document["columns"]), key=len, reverse=True)
    shown = [_reason(reason, names) for reason in reasons[:most]]
    if len(reasons) > most:
        shown.append(html(f"and {len(reasons) - most} more, below"))
    confirmation = document["confirmation"]
    said = tag("p", sentence(with_times(confirmation["reason"])), class_="confirmation") if confirmation else ""
    return tag(
        "section",
        tag("h2", title_of(document)),
        tag("p", document["headline"], class_="headline"),
        listing(shown) if document["outcome"] != "none" or len(reasons) > 1 else "",
        said,
        class_=f"verdict {document['outcome']}",
    )


def _reason(reason: str, names: Sequence[str]) -> Html:
    reason = plain(reason)
    name = next((each for each in names if reason.startswith(f"{each}: ")), None)
    if name is None:
        return html(reason)
    return join((tag("strong", name), ": ", reason.removeprefix(f"{name}: ")))
