"""The page of a nightly evaluation: what it says, and that nothing on it can be broken by what things are called."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from muster_numerics import nightly_html

PACKAGE = "arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:model-package/muster-tumour/3"
BEFORE = PACKAGE.replace("/3", "/2")


def interval(value: float | None) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None}
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def figure(value: float | None = 0.98, verdict: str = "fine", **changes: Any) -> dict[str, Any]:
    return {
        "holdout": "reference",
        "metric": "auc",
        "tonight": interval(value),
        "registered": interval(0.98),
        "difference": interval(0.0),
        "verdict": verdict,
        "reason": "auc",
        **changes,
    }


def night(day: int, outcome: str = "unchanged", value: float | None = 0.98, package: str = PACKAGE) -> dict[str, Any]:
    kept = {"holdout": "reference", "metric": "auc", **interval(value), "worse": outcome == "regressed"}
    return {
        "at": f"2026-11-{day:02}T07:20:00.000Z",
        "outcome": outcome,
        "package_arn": package,
        "figures": [] if value is None else [kept],
    }


def document(**changes: Any) -> dict[str, Any]:
    holdout = {"digest": "8" * 64, "uri": "s3://records/h/", "rows": 1234}
    subject = {
        "endpoint": "muster-tumour",
        "model": "tumour",
        "package_arn": PACKAGE,
        "evidence_digest": "e" * 64,
        "registered": {"uri": "s3://evidence/e.json", "digest": "6" * 64},
        "config_name": "config-1",
        "holdouts": {"reference": holdout},
        "requests": 62,
        "rows_per_request": 20,
        "requests_per_second": 5.0,
    }
    return {
        "schema": 1,
        "outcome": "unchanged",
        "headline": "As good as registered",
        "reasons": ["all is well"],
        "at": "2026-11-21T07:20:00.000Z",
        "execution_arn": "arn:one",
        "nightly": subject,
        "asked": {"next": 62, "retried": 3, "config_name": "config-1"},
        "primary_metric": "auc",
        "confidence": 0.95,
        "figures": [figure()],
        "answers": {"rows": 1234, "differing": 0, "largest": 0.0},
        "history": [],
        **changes,
    }


def drawn(page: str) -> list[ElementTree.Element]:
    """The drawings, each of them well-formed."""
    return [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def marks(drawing: ElementTree.Element, class_: str) -> list[ElementTree.Element]:
    return [each for each in drawing.iter() if each.get("class") == class_]


def test_the_verdict_comes_first_with_its_reasons() -> None:
    page = nightly_html.render(document(outcome="regressed", headline="Worse than registered", reasons=["auc fell"]))
    assert page.index("Worse than registered</h2>") < page.index("auc fell") < page.index("Tonight beside registered")
    assert 'class="verdict regressed"' in page
    assert "1\u202f234" in page
    assert "62 of 62" in page


def test_nothing_is_loaded_and_names_are_text() -> None:
    page = nightly_html.render(document(reasons=["<script>alert(1)</script>"], headline="<img src=x>"))
    assert "<script" not in page
    assert "<img" not in page
    assert not re.search(r'(?:src|href)="', page)
    assert "default-src 'none'" in page


def test_the_nights_are_drawn_each_by_what_it_found() -> None:
    # Given a night of another model, an unanswered one, one of a rollout, a worse one, and tonight
    history = [
        night(1, package=BEFORE, value=0.95),
        night(2),
        night(3, "unavailable", None),
        night(4, "changing", None),
        night(5, "regressed", 0.9),
    ]
    (drawing,) = drawn(nightly_html.render(document(history=history)))
    # Then each has its mark: the worse one is red, the silent ones stand below, the change of models is a line.
    assert [len(marks(drawing, f"dot {tone}")) for tone in ("candidate", "bad")] == [3, 1]
    assert [each.text for each in marks(drawing, "gone")] == ["×"]
    assert len(marks(drawing, "zero")) == 1
    (band,) = marks(drawing, "band")
    change = marks(drawing, "zero")[0].get("x1")
    assert band.get("x") == change  # the registered interval is that of the model that serves now


def test_a_point_is_as_high_as_its_value() -> None:
    (drawing,) = drawn(nightly_html.render(document(history=[night(1, value=0.9), night(2, value=0.95)])))
    heights = [float(each.get("cy") or 0) for each in marks(drawing, "dot candidate")]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0] - heights[1]) / (heights[1] - heights[2]) == pytest.approx(0.05 / 0.03, rel=0.02)


def test_the_first_night_has_no_history_and_an_unanswered_one_no_figures() -> None:
    assert "The last" not in nightly_html.render(document())
    page = nightly_html.render(
        document(outcome="unavailable", figures=[], answers=None, confidence=None, history=[night(1), night(2)])
    )
    assert "Tonight beside registered" not in page
    assert "The last 3 nights" in page
    assert "band" not in [each.get("class") for drawing in drawn(page) for each in drawing.iter()]


def test_without_pairs_the_page_says_so() -> None:
    page = nightly_html.render(document(figures=[figure(difference=None)], answers=None))
    assert "The registered predictions are not at hand" in page
    assert ">Difference<" not in page
    assert "by up to" not in page


def test_a_figure_that_is_not_defined_any_more_is_a_dash() -> None:
    page = nightly_html.render(document(figures=[figure(None, "worse", difference=None)], history=[night(1)]))
    (drawing,) = drawn(page)
    assert len(marks(drawing, "dot candidate")) == 1
