"""The evaluation report: one self-contained HTML page that a person can decide by.

The page starts with the literal comment ``<!--muster:verdict-->``. evaluate.py measures and does not judge: whoever
judges replaces the comment by::

    <section class="verdict passed">            (or: verdict failed_gate, verdict kept_champion)
      <h2>Passed</h2>
      <ol><li>a reason</li></ol>                (li class="ok" or "bad" colours the number)
    </section>

with its text escaped. The style sheet has the colours of the three verdicts. Nothing on the page is loaded from
elsewhere, and its Content-Security-Policy lets nothing be.
"""

from dataclasses import dataclass
from html import escape

from muster_jobs import intervals, paired, sections
from muster_jobs.measuring import HoldoutResult
from muster_jobs.metrics import METRICS
from muster_jobs.numbers import percent
from muster_jobs.scores import THRESHOLD
from muster_jobs.style import CSS

VERDICT_MARKER = "<!--muster:verdict-->"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Report:
    """What a report tells: the plan, the results by holdout (reference first), the candidate's attributions."""

    plan: dict
    results: dict[str, HoldoutResult]
    attributions: list[dict]


def render(report: Report) -> str:
    """Return the page."""
    plan, results = report.plan, report.results
    spec = plan["evaluation"]
    primary, metrics, confidence = spec["primary_metric"], list(plan["metrics"]), spec["confidence"]
    parts = [
        sections.summary(results, metrics, primary, spec["significance"]),
        sections.against_champion(results, metrics, spec),
    ]
    if plan["problem_type"] == "regression":
        parts += sections.regression(results)
    else:
        parts += sections.classification(results, confidence)
    candidates = [result.models["candidate"] for result in results.values()]
    if any(candidate.slices for candidate in candidates):
        parts.append(sections.slices(results, primary))
    if any(candidate.bias for candidate in candidates):
        parts.append(sections.bias_groups(results))
    if report.attributions:
        parts.append(sections.attributions(report.attributions))
    parts.append(methods(plan, results))
    title = f"{plan['model']}: evaluation"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style></head>\n<body><main>\n"
        f"{header(plan, results)}\n{VERDICT_MARKER}\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def header(plan: dict, results: dict[str, HoldoutResult]) -> str:
    """Return title and subject."""
    rows = " and ".join(f"{len(result.features.ids)} {kind} rows" for kind, result in results.items())
    versus = "compared with the champion" if plan["champion_artifact_digest"] else "no champion to compare with"
    return (
        f'<header><p class="eyebrow">Muster evaluation report, run {escape(plan["run"])}</p><h1>{escape(plan["model"])}</h1>'
        f'<p class="muted">Candidate <code>{escape(plan["candidate_artifact_digest"][:12])}</code> measured on {rows}, '
        f"{versus}. Brackets are {percent(plan['evaluation']['confidence'])} intervals.</p></header>"
    )


def methods(plan: dict, results: dict[str, HoldoutResult]) -> str:
    """Return the section on how the figures were made, and of what."""
    facts = [
        ("Candidate", plan["candidate_artifact_digest"]),
        ("Champion", plan["champion_artifact_digest"] or "none"),
        ("Training snapshot", plan["snapshot_digest"]),
        *((f"{kind.capitalize()} holdout", plan["holdouts"][kind]) for kind in results),
    ]
    listed = "".join(f"<dt>{name}</dt><dd><code>{escape(value)}</code></dd>" for name, value in facts)
    used = "".join(
        f"<dt>{METRICS[name].title}</dt><dd>{escape(intervals.METHODS[name])}"
        + (f" Comparison: {escape(paired.METHODS[name])}" if plan["champion_artifact_digest"] else "")
        + "</dd>"
        for name in plan["metrics"]
    )
    threshold = (
        f" Binary decisions are made at a probability of {THRESHOLD}." if plan["problem_type"] == "binary" else ""
    )
    words = (
        "Muster's own code joined the frozen labels with the models' predictions. No row of a holdout is in the training "
        f"snapshot. p-values are one-sided, for “the candidate is better”.{threshold} Digests are sha256."
    )
    return (
        f'<section><h2>How it was measured</h2><p class="reading">{words}</p><dl>{listed}</dl><dl>{used}</dl></section>'
    )
