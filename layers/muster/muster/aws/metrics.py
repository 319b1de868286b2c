"""Figures of monitoring for CloudWatch, in the embedded metric format: lines of the log, no call and no permission.

Names of columns' and quality metrics are Model Monitor's ("CloudWatch Metrics", SageMaker developer guide), and so are
the dimensions ``Endpoint`` and ``MonitoringSchedule``. The namespace is not: those beginning with ``AWS/`` are reserved
(PutMetricData, API reference), and the ``aws/sagemaker/…`` that Model Monitor wrote to belong to SageMaker's own jobs.
Writing there would pass for its verdicts. All of Muster's figures are in ``Muster``, and ``service`` is the installation.

Controlled fields have no figures here, by value or by name.
"""

import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from muster.operations import NAMESPACE

MOST_METRICS = 99
"""Of one line; CloudWatch takes 100 (embedded metric format, specification)."""
LARGEST = 2.0**360
"""CloudWatch refuses values beyond (PutMetricData)."""
NAME = re.compile(r"[!-9;-~][ -~]{0,253}[!-~]|[!-9;-~]")
"""Names that CloudWatch keeps as they are: printable ASCII, at most 255 characters, no blank or colon in front."""
OUTCOMES = {
    "MonitoringDrift": "drift",
    "MonitoringSuspected": "suspected",
    "MonitoringInsufficient": "insufficient",
    "MonitoringInconclusive": "inconclusive",
}
SCHEDULES = {"endpoint": "monitoring", "batch": "batch_inference"}
"""The workflow that judged, by subject: with the prefix, the value of ``MonitoringSchedule``."""

Figures = Mapping[str, float]


def publish(document: Mapping[str, Any]) -> None:
    """Write the figures of a drift report (`muster_numerics.report_document`). Call it once, when all else is done."""
    watched = document["watched"]
    schedule = SCHEDULES[watched["subject"]]
    count(watched["endpoint"], schedule, totals(document))
    details = iter(column_figures(document).items())
    while part := dict(islice(details, MOST_METRICS)):
        _write(part, watched["endpoint"], schedule, total=False)


def count(endpoint: str, schedule: str, figures: Figures) -> None:
    """Write figures of one run, for the endpoint and for the installation as a whole.

    Parameters
    ----------
    endpoint
        Whose run it was.
    schedule
        The workflow, without the prefix.
    figures
        At most `MOST_METRICS`, by name: counts, 0 or 1 for what is or is not, shares.
    """
    _write(figures, endpoint, schedule, total=True)


def totals(document: Mapping[str, Any]) -> dict[str, float]:
    """Return what is counted of a run: its outcome, and what was read."""
    data, quality = document["data"], document["quality"]
    return {
        "MonitoringRuns": 1.0,
        **{name: float(document["outcome"] == outcome) for name, outcome in OUTCOMES.items()},
        "MonitoringQualityRegressed": float(quality is not None and quality["status"] == "regressed"),
        "MonitoringRows": float(data["rows"]),
        "MonitoringPoison": float(data["poison_records"]),
        "MonitoringPoisonShare": float(data["poison_share"]),
        "MonitoringLateFiles": float(data["late_files"]),
    }


def column_figures(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of columns and of model quality.

    ``feature_data_<column>`` is the mean of a number in the window, ``feature_non_null_<column>`` the share of rows with
    a value, ``feature_baseline_drift_<column>`` Model Monitor's robust distance. A metric of quality has its own name.
    What CloudWatch would refuse, or keep under another name, is left out.
    """
    return {
        name: value
        for name, value in _figures(document)
        if value is not None and abs(value) <= LARGEST and NAME.fullmatch(name)
    }


def _figures(document: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for column in document["columns"]:
        name, window = column["name"], column["window"]
        if column["controlled"]:
            continue  # not even its name: metric names are metadata (GovCloud user guide, "CloudWatch")
        if window["mean"] is not None:
            yield f"feature_data_{name}", window["mean"]
        yield f"feature_non_null_{name}", 1 - column["effects"]["missing_after"]
        yield f"feature_baseline_drift_{name}", column["effects"]["linf_robust"]
    quality = document["quality"] or {"figures": {}, "metrics": ()}
    for name, figure in quality["figures"].items():
        yield name, figure["value"]
    for metric in quality["metrics"]:
        yield metric["name"], metric["value"]
    if document["attribution"]:
        yield "attribution_ndcg", document["attribution"]["ndcg"]


def _write(figures: Figures, endpoint: str, schedule: str, *, total: bool) -> None:
    """Write one line. With `total` the figures count for the installation too, whose endpoints no template knows."""
    service = os.environ["POWERTOOLS_SERVICE_NAME"]  # the stacks set it: the installation's prefix
    emf = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=service)
    emf.add_dimension("service", service)
    of_endpoint = {"Endpoint": endpoint, "MonitoringSchedule": f"{service}-{schedule}"}
    if total:
        emf.add_dimensions(service=service, **of_endpoint)
    else:
        for dimension, of in of_endpoint.items():
            emf.add_dimension(dimension, of)
    for name, value in figures.items():
        emf.add_metric(name, MetricUnit.NoUnit if name.endswith("Share") or "_" in name else MetricUnit.Count, value)
    emf.flush_metrics()
