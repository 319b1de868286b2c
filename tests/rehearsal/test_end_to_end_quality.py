"""Live quality end to end: answers of a real endpoint, labels that come later, and what the answers rest on."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import Any

import pytest

from muster import naming
from muster.contracts.base import iso, parse
from muster.contracts.quality import QualityReport
from ops import executions, monitoring
from ops.executions import Ended
from rehearsal.sagemaker import capture
from tests.rehearsal.stage_support import MODEL, Site

pytestmark = pytest.mark.xdist_group("watched")
NAME = "labelled"
ROWS_PER_REQUEST = 10
SPEC = {
    "capture": {"enabled": True, "controlled_fields": []},
    "monitoring": {
        "min_rows": 100,
        "facets": ["site"],
        "quality": {"min_rows": 100, "delay_hours": 0, "window_hours": 24},
        "attribution": {"rows": 100, "instance_type": "ml.m5.large", "max_runtime_seconds": 1800},
    },
}


def _rows() -> tuple[list[str], list[str]]:
    """Rows as the endpoint takes them, and their labels."""
    with (MODEL / "data" / "holdout_reference.csv").open(encoding="utf-8") as lines:
        rows = [list(each.values()) for each in csv.DictReader(lines)]
    return [",".join(row[1:-1]) for row in rows], [row[-1] for row in rows]


@dataclass
class Story:
    """An endpoint that was asked, and what was found by the labels of the time."""

    site: Site
    endpoint: str
    window: dict[str, str]

    def label(self, labels: list[str], name: str) -> None:
        """Deliver labels, one record per request."""
        at = self.site.rehearsal.host.clock.now()
        records = [
            {
                "groundTruthData": {"data": "\n".join(labels[first : first + ROWS_PER_REQUEST]), "encoding": "CSV"},
                "eventMetadata": {"eventId": f"case-{first}"},
                "eventVersion": "0",
            }
            for first in range(0, len(labels), ROWS_PER_REQUEST)
        ]
        key = f"{naming.ground_truth_prefix(self.endpoint)}{at:%Y/%m/%d/%H}/{name}.jsonl"
        body = "".join(f"{json.dumps(each)}\n" for each in records).encode()
        self.site.client("s3").put_object(Bucket=self.site.all.buckets["data"], Key=key, Body=body)
        self.site.rehearsal.host.clock.sleep(1)

    def look(self) -> Ended:
        wanted = monitoring.request(self.endpoint, self.window["start"], self.window["end"])
        ended = self.site.ended(executions.start(self.site.olga, "monitoring", wanted))
        assert ended.status == "SUCCEEDED", f"{ended.error}: {ended.cause}"
        return ended

    def read(self, ended: Ended, file: str) -> Any:
        bucket, key = naming.split_s3_uri(ended.output["evidence_uri"])
        key = f"{key.rpartition('/')[0]}/{file}"
        return json.loads(self.site.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.fixture(scope="module")
def story(site: Site) -> Story:
    pending = site.pending(site.run(NAME, SPEC))
    site.answer(site.alex, pending.package_arn)
    assert site.deployment(pending.package_arn).outcome == "deployed"
    site.champion(NAME, pending.package_arn)
    endpoint, runtime, clock = site.endpoint(NAME), site.client("sagemaker-runtime"), site.rehearsal.host.clock
    capture.flush(endpoint)
    clock.sleep(1)
    begun, (rows, _) = clock.now(), _rows()
    for first in range(0, len(rows), ROWS_PER_REQUEST):
        body = "\n".join(rows[first : first + ROWS_PER_REQUEST]).encode()
        runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=body, InferenceId=f"case-{first}"
        )
    capture.flush(endpoint)
    clock.sleep(1)
    return Story(site, endpoint, {"start": iso(begun), "end": iso(clock.now())})


def test_labels_decide_what_is_said_of_the_answers(story: Story) -> None:
    labels = _rows()[1]
    # Given answers without labels, Then nothing is said of them but how groups are treated, and what they rest on
    unlabelled = story.look()
    assert unlabelled.output["quality"] == "not_measured"
    report = parse(QualityReport, story.read(unlabelled, "quality.json"))
    assert {each.measure for each in report.bias} == {"positive_proportion"}
    attribution = story.read(unlabelled, "drift_report.json")["attribution"]
    assert attribution["status"] == "measured", attribution
    assert attribution["rows"] == 100
    assert attribution["ndcg"] > 0.9
    # When the labels of the registered holdout come, Then it is as good as registered
    story.label(labels, "labels")
    labelled = story.look()
    report = parse(QualityReport, story.read(labelled, "quality.json"))
    assert labelled.output["quality"] == "measured", report.reasons
    assert report.rows == len(labels)
    by_name = {each.name: each for each in report.metrics}
    registered = by_name["auc"].registered
    assert registered is not None
    assert by_name["auc"].value == pytest.approx(registered.value, abs=1e-9)
    assert story.read(labelled, "model_quality_violations.json") == {"violations": []}
    # When later labels say that most answers were wrong, Then it has regressed, and that is told once
    wrong = ["benign" if each == "malignant" else "malignant" for each in labels]
    story.label(wrong, "later")
    regressed = [story.look(), story.look()]
    assert [each.output["quality"] for each in regressed] == ["regressed", "regressed"]
    assert [each.output["announce_quality"] for each in regressed] == [True, False]
    violated = story.read(regressed[0], "model_quality_violations.json")["violations"]
    assert "auc" in {each["metric_name"] for each in violated}


def test_no_role_lacked_a_permission(site: Site, story: Story) -> None:
    site.settled()
    assert site.denied() == []
