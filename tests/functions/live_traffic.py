"""A served model with a baseline, its captured traffic and the labels that came later, for the tests of live quality."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from muster import digests, naming
from muster.contracts.base import iso, parse
from muster.contracts.monitoring import BaselineDocument
from muster.naming import VARIANT
from muster_numerics.baseline import make_baseline, to_json
from muster_numerics.columns import Categorical, Columns, Numeric
from muster_numerics.redaction import Redaction, redacted
from muster_numerics.reference import labels
from tests.functions.world import ENDPOINT, MODEL, World, bucket

RUN = "0123456789abcdef0123"
KEY = b"k" * 32
ATTRIBUTIONS = [{"feature": "radius", "importance": 0.4}, {"feature": "age_band", "importance": 0.1}]
CLASSES = ("benign", "malignant")
WATCHING = {
    "capture": {"enabled": True, "sampling_percent": 100, "controlled_fields": []},
    "monitoring": {
        "facets": ["age_band"],
        "quality": {"min_rows": 100, "delay_hours": 24, "window_hours": 24, "confidence": 0.95},
        "attribution": {"rows": 60, "min_ndcg": 0.9, "instance_type": "ml.m5.large", "max_runtime_seconds": 1800},
    },
}


@dataclass
class Rows:
    """What an endpoint was asked, answered, and what was true."""

    radius: np.ndarray
    band: list[str]
    score: np.ndarray
    truth: np.ndarray

    @classmethod
    def drawn(cls, count: int, *, seed: int = 1, sharpness: float = 8.0, bias: float = 0.0) -> "Rows":
        """Rows of which the model knows more the sharper it is; the old are scored lower by ``bias``."""
        chance = np.random.default_rng(seed)
        radius = chance.normal(size=count)
        band = [("young", "old")[each] for each in chance.integers(0, 2, count)]
        truth = chance.random(count) < 1 / (1 + np.exp(-8 * radius))
        shift = np.where(np.array(band) == "old", bias, 0.0)
        score = 1 / (1 + np.exp(-sharpness * radius - (8 - sharpness) * chance.normal(size=count) + shift))
        return cls(radius, band, score, truth)

    @property
    def columns(self) -> tuple[Columns, Columns]:
        return {"radius": Numeric.of(self.radius), "age_band": Categorical.of(self.band)}, {
            "prediction": Numeric.of(self.score)
        }

    def record(self, index: int, *, inference: str | None = None) -> str:
        """One captured request of one row."""
        metadata = {"eventId": f"event-{index}", "inferenceTime": "2026-11-20T12:00:00Z"}
        if inference:
            metadata["inferenceId"] = inference
        asked, answered = f"{float(self.radius[index])!r},{self.band[index]}\n", f"{float(self.score[index])!r}\n"
        parts = {
            "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": asked, "encoding": "CSV"},
            "endpointOutput": {
                "observedContentType": "text/csv",
                "mode": "OUTPUT",
                "data": answered,
                "encoding": "CSV",
            },
        }
        return json.dumps({"captureData": parts, "eventMetadata": metadata, "eventVersion": "0"})

    def label(self, index: int, *, name: str | None = None, says: str | None = None, **members: Any) -> str:
        whole = {
            "groundTruthData": {"data": says or CLASSES[int(self.truth[index])], "encoding": "CSV"},
            "eventMetadata": {"eventId": name or f"event-{index}"},
            "eventVersion": "0",
        }
        return json.dumps(whole | members)

    def captured(self, **options: Any) -> str:
        return "".join(f"{self.record(index, **options)}\n" for index in range(len(self.truth)))

    def labelled(self, *, only: int | None = None) -> str:
        return "".join(f"{self.label(index)}\n" for index in range(len(self.truth))[:only])


class Traffic:
    """One served model, and what the world asks it."""

    def __init__(self, world: World, *, report: dict[str, Any] | None = None, **changes: Any) -> None:
        self.world = world
        world.publish(**(WATCHING | changes))
        world.deployed(world.approved(world.registered(world.evaluated(**(report or {})))))
        self.live = world.endpoints.live(ENDPOINT)
        assert self.live is not None
        world.later(days=5)
        self.end = world.now.replace(minute=0, second=0, microsecond=0)
        self.controlled = tuple((changes.get("capture") or {}).get("controlled_fields") or ())

    def put_baseline(self) -> dict[str, Any]:
        """Seal a baseline as `seal_baseline` does; the reference to it."""
        features, predictions = Rows.drawn(400, seed=0).columns
        redaction = Redaction(frozenset(self.controlled), KEY if self.controlled else b"")
        answered = predictions | {"predicted_label": labels(predictions, CLASSES)}
        counted = to_json(make_baseline(redacted(features, redaction)))
        counted["columns"] |= to_json(make_baseline(answered, "prediction"))["columns"]
        document = {
            "schema": 1,
            "model": MODEL,
            "snapshot_digest": "a" * 64,
            "artifact_digest": "b" * 64,
            "rows": 400,
            "time_ordered": False,
            "features": [{"name": "radius", "kind": "number"}, {"name": "age_band", "kind": "word"}],
            "predictions": [{"name": "prediction", "kind": "number"}],
            "classes": list(CLASSES),
            "label": "predicted_label",
            "columns": counted,
            "controlled": list(self.controlled),
            "attributions": ATTRIBUTIONS,
        }
        if self.controlled:
            uri = self.world.put("records", naming.redaction_key_key(MODEL), KEY)
            document["redaction_key"] = {"uri": uri, "digest": digests.sha256(KEY)}
        data = digests.canonical(parse(BaselineDocument, document))
        uri = self.world.put("records", naming.baseline_key(digests.sha256(data), "baseline.json"), data)
        ref = {"uri": uri, "digest": digests.sha256(data)}
        return {"baseline": ref, "statistics": ref, "constraints": ref, "rows": 400}

    def event(self, function: str = "measure_quality") -> dict[str, Any]:
        """What `monitoring` hands the functions, for the hour that has just ended."""
        found = self.world.item(f"MODEL#{MODEL}", "PUBLICATION")
        assert found is not None
        assert self.live is not None
        watched = {
            "subject": "endpoint",
            "run": RUN,
            "model": MODEL,
            "endpoint": ENDPOINT,
            "package_arn": self.live.package_arn,
            "evidence_digest": self.live.evidence_digest,
            "spec": {"uri": found["spec_uri"], "digest": found["spec_digest"]},
            "baseline": self.put_baseline(),
            "window": {"start": iso(self.end - timedelta(hours=1)), "end": iso(self.end)},
            "work": naming.s3_uri(bucket("work"), naming.monitoring_work_prefix(RUN)),
        }
        event = {"watched": watched, "plan": {"batches": len(self.batches), "status": "ready"}}
        return event | ({"entered_at": self.world.at} if function == "measure_quality" else {})

    # -- what happened -------------------------------------------------------------------------------------------------
    @property
    def batches(self) -> list[str]:
        place = f"{naming.monitoring_work_prefix(RUN)}batches/"
        return [key for key in self.world.s3.buckets[bucket("work")].objects if key.startswith(place)]

    def capture(self, text: str | bytes, *, hours_ago: float = 30, name: str = "file") -> str:
        """A capture file of so many hours before the window's end."""
        at = self.end - timedelta(hours=hours_ago)
        key = f"{ENDPOINT}/{VARIANT}/{at:%Y/%m/%d/%H}/{at:%M-%S}-000-{name}.jsonl"
        return self.world.put("capture", key, text.encode() if isinstance(text, str) else text)

    def truth(self, text: str | bytes, *, hours_ago: float = 2, name: str = "labels") -> str:
        """A file of labels, collected so many hours before the window's end."""
        at = self.end - timedelta(hours=hours_ago)
        key = f"{naming.ground_truth_prefix(ENDPOINT)}{at:%Y/%m/%d/%H}/{name}.jsonl"
        return self.world.put("data", key, text.encode() if isinstance(text, str) else text)

    def window(self, *texts: str) -> None:
        """The window's own files, as `plan_window` packs them."""
        for number, text in enumerate(texts):
            uri = self.capture(text, hours_ago=0.5, name=f"window-{number}")
            name, key = naming.split_s3_uri(uri)
            version = self.world.s3.buckets[name].objects[key][-1]
            file = {"uri": uri, "version_id": version.version_id, "bytes": len(text), "late": False}
            place = f"{naming.monitoring_work_prefix(RUN)}batches/{number}.json"
            self.world.put("work", place, json.dumps({"number": number, "files": [file]}).encode())

    def measured(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What `measure_quality` answers, and its report."""
        answer = self.world.call("measure_quality", self.event())
        return answer, json.loads(self.world.body(answer["uri"]))
