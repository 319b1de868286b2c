"""Figures of monitoring in CloudWatch's embedded metric format: names, dimensions, limits, and nothing controlled."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.aws import metrics
from rehearsal.cloudwatch import embedded
from tests.numerics import report_scenes as scenes

DOCUMENTS = scenes.scenes()


@pytest.fixture(autouse=True)
def _installation(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "muster")
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)


def written(capsys, document) -> list[dict]:
    metrics.publish(document)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def figures(line) -> dict[str, float]:
    (group,) = line["_aws"]["CloudWatchMetrics"]
    return {each["Name"]: line[each["Name"]][0] for each in group["Metrics"]}


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_every_run_counts_for_its_endpoint_and_for_the_installation(capsys, kind):
    first, *more = written(capsys, DOCUMENTS[kind])
    (group,) = first["_aws"]["CloudWatchMetrics"]
    assert group["Namespace"] == "Muster"
    assert group["Dimensions"] == [["service"], ["service", "Endpoint", "MonitoringSchedule"]]
    assert (first["service"], first["Endpoint"]) == ("muster", "muster-tumour")
    schedule = "muster-batch_inference" if kind == "batch" else "muster-monitoring"
    assert first["MonitoringSchedule"] == schedule
    found, outcome = figures(first), DOCUMENTS[kind]["outcome"]
    assert found["MonitoringRuns"] == 1
    ones = {name for name, value in metrics.OUTCOMES.items() if found[name]}
    assert ones == {name for name, value in metrics.OUTCOMES.items() if value == outcome}
    assert found["MonitoringRows"] == DOCUMENTS[kind]["data"]["rows"]
    assert all(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "Endpoint", "MonitoringSchedule"]] for line in more)  # fmt: skip


def test_columns_have_model_monitors_names(capsys):
    _, details = written(capsys, DOCUMENTS["drift"])
    found = figures(details)
    column = next(each for each in DOCUMENTS["drift"]["columns"] if each["name"] == "mean_0")
    assert found["feature_data_mean_0"] == column["window"]["mean"]
    assert found["feature_non_null_mean_0"] == pytest.approx(1 - column["effects"]["missing_after"])
    assert found["feature_baseline_drift_mean_0"] == column["effects"]["linf_robust"]
    assert "feature_data_site" not in found
    assert found["auc"] == 0.861
    assert found["f1"] == 0.79
    assert "recall" not in found  # not defined in this window
    assert found["attribution_ndcg"] == 0.842


def test_no_line_has_more_metrics_than_cloudwatch_takes(capsys):
    lines = written(capsys, DOCUMENTS["drift200"])
    assert len(lines) > 5
    assert all(len(line["_aws"]["CloudWatchMetrics"][0]["Metrics"]) <= 100 for line in lines)
    names = [name for line in lines[1:] for name in figures(line)]
    assert len(names) == len(set(names)) == len(metrics.column_figures(DOCUMENTS["drift200"]))


def test_an_exact_multiple_of_the_limit_writes_no_empty_line(capsys):
    document = DOCUMENTS["none"]
    columns = [document["columns"][0] | {"name": f"c{number}"} for number in range(33)]  # three figures each
    lines = written(capsys, document | {"columns": columns})
    assert [len(figures(line)) for line in lines[1:]] == [99]


def test_a_controlled_column_leaves_neither_value_nor_name(capsys):
    lines = written(capsys, DOCUMENTS["controlled"])
    text = json.dumps(lines)
    for name in ("mean_0", "area_3", "site"):
        assert name not in text
    assert "feature_data_worst_1" in text


def test_nothing_decided_writes_the_outcome_alone(capsys):
    assert len(written(capsys, DOCUMENTS["insufficient"])) == 1


@given(st.text(max_size=300), st.floats(allow_nan=False, allow_infinity=False))
def test_what_cloudwatch_would_refuse_is_left_out(name, value):
    document = DOCUMENTS["none"]
    column = document["columns"][0]
    column = column | {"name": name, "window": column["window"] | {"mean": value}}
    for metric, figure in metrics.column_figures(document | {"columns": [column]}).items():
        assert 1 <= len(metric) <= 255
        assert metric == metric.strip()
        assert metric.isascii()
        assert metric.isprintable()
        assert abs(figure) <= 2.0**360


def test_an_outcome_is_also_counted_for_workflows_without_a_report(capsys):
    metrics.count("muster-tumour", "nightly_evaluation", {"NightlyRuns": 1, "NightlyRegressed": 0})
    line = json.loads(capsys.readouterr().out)
    assert line["MonitoringSchedule"] == "muster-nightly_evaluation"
    assert figures(line) == {"NightlyRuns": 1, "NightlyRegressed": 0}


@pytest.mark.parametrize("kind", ["drift", "drift200", "batch", "insufficient"])
def test_cloudwatch_logs_finds_every_figure_in_the_lines(capsys, monkeypatch, kind):
    # Given what a run writes ; When the log is read as CloudWatch Logs does ; Then every figure is a metric
    found: list[tuple[str, str, frozenset[str]]] = []

    def record(namespace, values, dimensions, **_):
        found.extend((namespace, name, frozenset(dimensions)) for name in values)

    monkeypatch.setattr(embedded.cloudwatch, "record", record)
    metrics.publish(DOCUMENTS[kind])
    for line in capsys.readouterr().out.splitlines():
        embedded.extract(line)
    of_endpoint = frozenset(("service", "Endpoint", "MonitoringSchedule"))
    wanted = {("Muster", name, of_endpoint) for name in metrics.column_figures(DOCUMENTS[kind])}
    for name in metrics.totals(DOCUMENTS[kind]):
        wanted |= {("Muster", name, of_endpoint), ("Muster", name, frozenset(("service",)))}
    assert set(found) == wanted
    assert len(found) == len(wanted)
