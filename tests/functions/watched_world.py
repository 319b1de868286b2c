"""A model that serves and whose traffic is captured: what the functions of `monitoring` need, in memory.

The evidence is one that the story's own functions wrote, with a baseline of small synthetic data put in.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from muster import digests, naming
from muster.aws.documents import evidence_of
from muster.contracts.base import iso
from muster.contracts.deployment import HistoryRecord
from muster.contracts.documents import BaselineRef, DocumentRef
from muster.contracts.evaluation import Attribution
from muster.contracts.monitoring import BaselineDocument, CapturedField
from muster_numerics import baseline
from muster_numerics.columns import Categorical, Columns, Numeric
from muster_numerics.reference import labels
from tests.functions.world import ARN, ENDPOINT, MODEL, World, bucket, execution
from tests.numerics.capture_records import record

PACKAGE = f"{ARN}:sagemaker:us-gov-west-1:123456789012:model-package/muster-dev-tumour/1"
CLASSES = ("benign", "malignant")


def rows(count: int, seed: int, *, shift: float = 0.0) -> list[tuple[float, str, float]]:
    """Rows of (size, site, prediction)."""
    made = np.random.default_rng(seed)
    sizes, sites = made.normal(10 + shift, 2, count), made.choice(["a", "b", "c"], count, p=[0.5, 0.3, 0.2])
    drawn = zip(sizes, sites, made.random(count), strict=True)
    return [(round(float(s), 4), str(w), round(float(p), 4)) for s, w, p in drawn]


def columns(data: Sequence[tuple[float, str, float]]) -> tuple[Columns, Columns]:
    features: Columns = {"size": Numeric.of([s for s, _, _ in data]), "site": Categorical.of([w for _, w, _ in data])}
    predictions: Columns = {"prediction": Numeric.of([p for _, _, p in data])}
    return features, predictions | {"predicted_label": labels(predictions, CLASSES)}


class WatchedWorld:
    """An endpoint that serves since 08:00, and what it is asked."""

    def __init__(self, world: World, *, with_baseline: bool = True, **spec: Any) -> None:
        self.world = world
        capture = {"enabled": True, "controlled_fields": []}
        monitoring = {"min_rows": 100, **spec.pop("monitoring", {})}
        world.publish(capture=capture, monitoring=monitoring, **spec)
        registered = world.registered()["registered"]
        evidence = evidence_of(world.store, registered["evidence_uri"], registered["evidence_digest"])
        self.baseline = self._seal_baseline() if with_baseline else None
        evidence = evidence.model_copy(update={"baseline": self.baseline})
        data = digests.canonical(evidence)
        self.evidence_digest = digests.sha256(data)
        world.put("evidence", naming.evidence_key(MODEL, self.evidence_digest), data)
        self.serve()

    def serve(self, package: str = PACKAGE, at: str = "2026-11-21T08:00:00Z", endpoint: str = ENDPOINT) -> None:
        live = HistoryRecord(
            workflow="deployment",
            at=datetime.fromisoformat(at),
            execution_arn=execution("deployment")["arn"],
            endpoint=endpoint,
            config_name="config-1",
            model=MODEL,
            package_arn=package,
            evidence_digest=self.evidence_digest,
            outcome="deployed",
        )
        assert self.world.endpoints.set_live(live)

    def _seal_baseline(self) -> BaselineRef:
        features, predictions = columns(rows(5_000, 0))
        made = baseline.make_baseline(features) | baseline.make_baseline(predictions, "prediction")
        document = BaselineDocument(
            model=MODEL,
            snapshot_digest="d" * 64,
            artifact_digest="e" * 64,
            rows=5_000,
            time_ordered=False,
            features=(CapturedField(name="size"), CapturedField(name="site", kind="word")),
            predictions=(CapturedField(name="prediction"),),
            classes=CLASSES,
            label="predicted_label",
            columns=baseline.to_json(made),
            attributions=(
                Attribution(feature="size", importance=3.0),
                Attribution(feature="site", importance=1.0),
            ),
        )
        data = digests.canonical(document)
        digest = digests.sha256(data)
        uri = self.world.put("records", naming.baseline_key(digest, "baseline.json"), data)
        ref = DocumentRef(uri=uri, digest=digest)
        return BaselineRef(baseline=ref, statistics=ref, constraints=ref, rows=5_000)

    # -- traffic
    def capture(
        self, at: str, data: Sequence[tuple[float, str, float]], *, more: Sequence[str] = (), name: str = "x", **by: Any
    ) -> str:
        """A capture file: records of these rows, and other lines after them."""
        moment = datetime.fromisoformat(f"2026-11-21T{at}+00:00") + timedelta(**by)
        lines = [record(f"{s},{w}", str(p), event=f"{name}-{n}") for n, (s, w, p) in enumerate(data)]
        key = f"{ENDPOINT}/primary/{moment:%Y/%m/%d/%H/%M-%S-000}-{name}.jsonl"
        self.world.put("capture", key, "".join(f"{line}\n" for line in [*lines, *more]).encode())
        return key

    # -- the steps of the workflow
    def plan(self, name: str = "one", *, at: str | None = None, **request: Any) -> dict[str, Any]:
        event = {
            "request": {"endpoint": ENDPOINT, **request},
            "execution": execution("monitoring", name),
            "entered_at": at or self.world.at,
        }
        return self.world.call("plan_window", event)

    def sketch(self, plan: dict[str, Any]) -> list[dict[str, Any]]:
        watched = plan["watched"]
        return [
            self.world.call("sketch_batch", {"watched": watched, "number": number}) for number in range(plan["batches"])
        ]

    def assess(self, plan: dict[str, Any], name: str = "one", **found: Any) -> dict[str, Any]:
        event = {"plan": plan, "quality": None, "sample": None, **found}
        event |= {"execution": execution("monitoring", name), "started_at": "2026-11-21T12:00:00Z"}
        return self.world.call("assess_window", event)

    def run(self, name: str = "one", **options: Any) -> dict[str, Any]:
        plan = self.plan(name, **options)
        assert plan["status"] == "ready", plan["reason"]
        self.sketch(plan)
        return self.assess(plan, name)

    def found(self, uri: str) -> Any:
        return json.loads(self.world.body(uri))

    def keys(self, kind: str, prefix: str) -> list[str]:
        return sorted(key for key in self.world.s3.buckets[bucket(kind)].objects if key.startswith(prefix))

    @property
    def state(self) -> dict[str, Any] | None:
        return self.world.item(f"ENDPOINT#{ENDPOINT}", "MONITORING")


def hour(start: int, end: int) -> dict[str, str]:
    """A window of whole hours of the day."""
    at = datetime.fromisoformat("2026-11-21T00:00:00+00:00")
    return {"start": iso(at + timedelta(hours=start)), "end": iso(at + timedelta(hours=end))}
