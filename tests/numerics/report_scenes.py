"""Monitoring runs of every kind, as documents: a baseline, a window, the real decision, and what went with it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from muster_numerics.baseline import Baseline, make_baseline
from muster_numerics.capture import Tally
from muster_numerics.columns import Categorical, Columns, Numeric
from muster_numerics.decide import Decision, Rules, decide
from muster_numerics.redaction import Redaction, redacted
from muster_numerics.report_document import build
from muster_numerics.sketch import State, observe

DIGEST = "a" * 64
WATCHED = {
    "subject": "endpoint",
    "run": "0123456789abcdef0123",
    "model": "tumour",
    "endpoint": "muster-tumour",
    "package_arn": "arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:model-package/muster-tumour/7",
    "evidence_digest": "e" * 64,
    "spec": {"uri": "s3://records/specs/s/spec.json", "digest": "b" * 64},
    "baseline": {
        "baseline": {"uri": "s3://records/baselines/a/baseline.json", "digest": DIGEST},
        "statistics": {"uri": "s3://records/baselines/a/statistics.json", "digest": DIGEST},
        "constraints": {"uri": "s3://records/baselines/a/constraints.json", "digest": DIGEST},
        "quality_statistics": None,
        "quality_constraints": None,
        "rows": 20_000,
    },
    "window": {"start": "2026-11-21T09:00:00.000Z", "end": "2026-11-21T10:00:00.000Z"},
    "work": "s3://work/monitoring/0123456789abcdef0123/",
}
PLAN = {"files": 12, "bytes": 18_432_000, "late_files": 0, "gaps": []}
EVIDENCE = "s3://evidence/monitoring/muster-tumour/20261121T100000Z-0123456789abcdef0123/"
RULE = {"drifting": 2, "among": 3, "quiet": 3}
KEY = b"0123456789abcdef"


def columns(seed: int, rows: int, wide: int = 4, shift: float = 0.0, **changes: float) -> Columns:
    """Draw columns of several shapes; the first, `mean_0`, moves by `shift`. `changes`: missing, new, spread."""
    rng = np.random.default_rng(seed)
    drawn: dict[str, Any] = {}
    for number in range(wide):
        kind = number % 5
        values = {
            0: lambda: rng.normal(10, 2, rows),
            1: lambda: rng.lognormal(3, 0.8, rows),
            2: lambda: rng.poisson(3, rows).astype(float),
            3: lambda: rng.gamma(2, 30, rows),
            4: lambda: rng.uniform(0, 1, rows),
        }[kind]()
        if number == 0:
            values = values + 2 * shift
        if number == 1:
            values = values * changes.get("spread", 1.0)
        gone = rng.random(rows) < (changes.get("missing", 0.02) if number == 3 else 0.02)
        name = ("mean", "worst", "count", "area", "share")[kind]
        drawn[f"{name}_{number}"] = Numeric.of(np.where(gone, np.nan, values))
    sites = rng.choice(["norwood", "sutton", "easton", "weston"], rows, p=[0.4, 0.3, 0.2, 0.1]).astype(object)
    sites[rng.random(rows) < changes.get("new", 0.0)] = "field hospital"
    drawn["site"] = Categorical.of(sites.tolist())
    return drawn


def predictions(seed: int, rows: int, shift: float = 0.0) -> Columns:
    """Draw scores."""
    rng = np.random.default_rng(seed)
    return {"prediction": Numeric.of(1 / (1 + np.exp(-(rng.normal(-0.4, 1.6, rows) + shift))))}


@dataclass
class Scene:
    """A run: change what differs, then take `document`."""

    wide: int = 4
    rows: int = 2_000
    shift: float = 0.0
    score_shift: float = 0.0
    changes: dict[str, float] = field(default_factory=dict)
    poison: Counter[str] = field(default_factory=Counter)
    controlled: tuple[str, ...] = ()
    outcome: str | None = None
    more: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)

    def parts(self) -> tuple[Baseline, State, Decision]:
        """Return what is compared, and the verdict."""
        hidden = Redaction(frozenset(self.controlled), KEY if self.controlled else b"")
        before = redacted(columns(1, 20_000, self.wide), hidden)
        baseline = make_baseline(before) | make_baseline(predictions(2, 5_000), "prediction")
        window = redacted(columns(3, self.rows, self.wide, self.shift, **self.changes), hidden)
        window = {name: column for name, column in window.items() if name not in self.absent}
        window |= predictions(4, self.rows, self.score_shift)
        state = observe(window, baseline.grid, self.poison.total())
        return baseline, state, decide(state, baseline, Rules())

    @property
    def document(self) -> dict[str, Any]:
        """The document of the run."""
        baseline, state, decision = self.parts()
        outcome = self.outcome or {"drift": "suspected"}.get(decision.verdict, decision.verdict)
        given: dict[str, Any] = {
            "watched": WATCHED,
            "plan": PLAN,
            "at": "2026-11-21T10:20:00.000Z",
            "evidence_uri": EVIDENCE,
            "outcome": outcome,
            "decision": decision,
            "state": state,
            "baseline": baseline,
            "tally": Tally(self.rows, self.rows, self.poison, 3),
            "rules": Rules(),
            "controlled": self.controlled,
            "confirmation": {
                "reason": "2026-11-21T09:00:00.000Z: 1 of the last 3 windows drift",
                "announce": outcome == "drift",
                "episode": None,
                "windows": [],
                "rule": RULE,
            },
        }
        return build(**(given | self.more))


QUALITY = {
    "status": "regressed",
    "reason": "auc 0.861 (0.842 to 0.878) is below the registered 0.921 (0.899 to 0.940)",
    "window": {"start": "2026-11-19T10:00:00.000Z", "end": "2026-11-20T10:00:00.000Z"},
    "rows": 1_840,
    "confidence": 0.95,
    "files_read": 12,
    "files": 12,
    "metrics": [
        {
            "name": "auc",
            "value": 0.861,
            "low": 0.842,
            "high": 0.878,
            "registered": {"value": 0.921, "low": 0.899, "high": 0.94},
            "verdict": "worse",
            "reason": "the intervals do not meet",
        },
        {
            "name": "accuracy",
            "value": 0.84,
            "low": 0.822,
            "high": 0.856,
            "registered": {"value": 0.853, "low": 0.828, "high": 0.875},
            "verdict": "fine",
            "reason": "",
        },
        {
            "name": "recall",
            "value": None,
            "low": None,
            "high": None,
            "registered": None,
            "verdict": "not_judged",
            "reason": "no row is of the positive class",
        },
    ],
    "figures": {
        "auc": {"value": 0.861, "low": 0.84, "high": 0.88, "reason": ""},
        "f1": {"value": 0.79, "low": 0.77, "high": 0.81},
    },
    "bias": [
        {
            "column": "site",
            "measure": "positive_proportion",
            "group": "norwood",
            "rows": 790,
            "value": 0.012,
            "low": -0.03,
            "high": 0.054,
            "limit": 0.1,
            "verdict": "fine",
            "reason": "",
        },
        {
            "column": "site",
            "measure": "true_positive_rate",
            "group": "weston",
            "rows": 61,
            "value": -0.24,
            "low": -0.35,
            "high": -0.12,
            "limit": 0.1,
            "verdict": "beyond",
            "reason": "the whole interval is beyond 0.1",
        },
        {
            "column": "site",
            "measure": "true_positive_rate",
            "group": "easton",
            "rows": 12,
            "value": None,
            "low": None,
            "high": None,
            "limit": 0.1,
            "verdict": "not_judged",
            "reason": "12 rows against 300, wanted 20 in each",
        },
        {
            "column": "site",
            "measure": "metric",
            "metric": "accuracy",
            "group": "sutton",
            "rows": 410,
            "value": -0.031,
            "low": -0.08,
            "high": 0.02,
            "limit": 0.15,
            "verdict": "fine",
            "reason": "",
        },
    ],
}
ATTRIBUTION = {
    "status": "moved",
    "reason": "NDCG 0.842 is below 0.9",
    "rows": 500,
    "ndcg": 0.842,
    "least": 0.9,
    "features": [
        {"name": "worst_1", "baseline_rank": 2, "live_rank": 1, "baseline": 0.31, "live": 0.52},
        {"name": "mean_0", "baseline_rank": 1, "live_rank": 2, "baseline": 0.58, "live": 0.33},
        {"name": "area_3", "baseline_rank": 3, "live_rank": 3, "baseline": 0.12, "live": 0.11},
        {"name": "count_2", "baseline_rank": 4, "live_rank": 40, "baseline": 0.05, "live": 0.001},
        {"name": "share_4", "baseline_rank": 30, "live_rank": 4, "baseline": 0.002, "live": 0.02},
    ],
}


def history(length: int = 12) -> list[dict[str, Any]]:
    """Return summaries of earlier windows, one of them insufficient, the last two drifting."""
    rng = np.random.default_rng(9)
    told = []
    for number in range(length):
        hour = f"2026-11-{20 + (number + 21) // 24:02d}T{(number + 21) % 24:02d}:00:00.000Z"
        following = number + 1
        end = f"2026-11-{20 + (following + 21) // 24:02d}T{(following + 21) % 24:02d}:00:00.000Z"
        late = number >= length - 2
        outcome = "insufficient" if number == 4 else "suspected" if late else "warn" if number == 7 else "none"
        low = 0.92 - 0.004 * number
        told.append(
            {
                "window": {"start": hour, "end": end},
                "run": f"{number:020x}",
                "at": end,
                "outcome": outcome,
                "rows": 90 if number == 4 else int(1_500 + 600 * rng.random()),
                "poison_share": round(0.004 * rng.random(), 5),
                "late_files": 0,
                "package_arn": WATCHED["package_arn"],
                "drifting": ["mean_0"] if late else [],
                "columns": {}
                if number == 4
                else {
                    "mean_0": [round(0.02 + 0.02 * rng.random() + 0.06 * late, 4), 0.021],
                    "worst_1": [round(0.02 * rng.random(), 4), 0.019],
                    "count_2": [round(0.015 * rng.random(), 4), 0.02],
                    "area_3": [round(0.02 * rng.random(), 4), round(0.02 + 0.006 * number, 4)],
                    "site": [round(0.02 * rng.random(), 4), 0.0],
                    "prediction": [round(0.02 * rng.random(), 4), 0.0],
                },
                "quality": {"status": "measured", "metrics": {"auc": [low, low - 0.02, low + 0.018]}}
                if number % 2
                else None,
                "ndcg": round(0.97 - 0.006 * number, 4),
            }
        )
    return told


def scenes() -> dict[str, dict[str, Any]]:
    """Return a document of every kind of run."""
    full = {"quality": QUALITY, "attribution": ATTRIBUTION, "history": history(), "plan": PLAN | {"late_files": 2}}
    confirmed = {
        "confirmation": {
            "reason": "2026-11-21T09:00:00.000Z: drift is confirmed, 2 of the last 3 windows drift",
            "announce": True,
            "episode": "2026-11-21T09:00:00.000Z",
            "windows": ["2026-11-21T07:00:00.000Z", "2026-11-21T09:00:00.000Z"],
            "rule": RULE,
        }
    }
    moved = {"missing": 0.09, "new": 0.02}
    batch = {"watched": WATCHED | {"subject": "batch"}, "confirmation": None}
    gaps = ["2026-11-21T03:00:00.000Z to 2026-11-21T04:00:00.000Z"]
    return {
        "none": Scene().document,
        "none35": Scene(wide=34, more={"history": history()}).document,
        "warn": Scene(shift=0.05, rows=20_000, more={"history": history(6)}).document,
        "suspected": Scene(shift=0.3).document,
        "drift": Scene(shift=0.3, changes=moved, score_shift=0.4, outcome="drift", more=full | confirmed).document,
        "drift35": Scene(wide=34, shift=0.4, changes=moved, outcome="drift", more=full | confirmed).document,
        "drift200": Scene(wide=199, shift=0.4, changes=moved, outcome="drift", more=full | confirmed).document,
        "broken": Scene(absent={"mean_0": 2_000}, outcome="drift", more=confirmed).document,
        "insufficient": Scene(rows=57, more={"plan": PLAN | {"gaps": gaps, "files": 1}}).document,
        "inconclusive": Scene(
            poison=Counter({"wrong_field_count": 310, "not_json": 22, "bad_payload": 4}), more={"history": history()}
        ).document,
        "batch": Scene(shift=0.3, outcome="drift", more=batch).document,
        "controlled": Scene(
            shift=0.3, changes=moved, controlled=("mean_0", "area_3", "site"), more={"history": history()}
        ).document,
    }
