"""How often a model that is as good as registered is called worse, and how often one that is worse."""

import numpy as np
import pytest

from muster import quality
from muster.contracts.evaluation import EvaluationReport
from muster.live_quality import as_figure
from muster_jobs.scores import Scores
from muster_numerics.quality_metrics import figure_of
from tests.unit import samples

METRICS = ("auc", "recall", "brier")


def drawn(rows: int, chance: np.random.Generator, noise: float = 0.0) -> Scores:
    """A model of AUC 0.88; with noise it knows less than it says."""
    logit = 2.2 * chance.normal(size=rows)
    truth = (chance.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return Scores("binary", ("0", "1"), truth, 1 / (1 + np.exp(-logit - noise * chance.normal(size=rows))))


def evaluated(scores: Scores, name: str) -> EvaluationReport:
    """What the registry knows of a metric."""
    said = figure_of(name, scores, 0.95)
    estimate = {"value": said.value, "low": said.low, "high": said.high}
    return samples.report(candidate__reference__overall={name: estimate})


def alarms(runs: int, holdout: int, live: int, noise: float = 0.0) -> float:
    """The share of runs in which a metric is worse."""
    chance = np.random.default_rng(holdout * 7 + live)
    confidence = quality.judged_confidence(len(METRICS), 0.95)
    rung = 0
    for _ in range(runs):
        before, now = drawn(holdout, chance), drawn(live, chance, noise)
        verdicts = []
        for name in METRICS:
            registered = quality.registered(evaluated(before, name), name, confidence)
            verdicts.append(quality.compare(name, as_figure(figure_of(name, now, confidence)), registered).verdict)
        rung += "worse" in verdicts
    return rung / runs


@pytest.mark.parametrize(("holdout", "live"), [(130, 200), (1000, 1000), (5_000, 200), (200, 2_000)])
def test_at_most_one_false_alarm_in_a_hundred(holdout, live):
    # 400 runs: three standard errors above 1 % are 2.5 %
    assert alarms(400, holdout, live) <= 0.025


def test_a_model_that_has_lost_much_is_found():
    # AUC 0.88 to 0.77
    assert alarms(60, 1000, 1000, noise=2.0) >= 0.95
