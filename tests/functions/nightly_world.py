"""A model that serves and was registered with real holdouts and predictions, and an endpoint that answers."""

import csv
import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from muster import digests, naming
from muster.contracts.base import iso
from tests.functions.world import ENDPOINT, MODEL, World, bucket, execution
from tests.unit import samples

ROWS = 50
ids = [f"R{number:03d}" for number in range(ROWS)]


def predicted(number: int) -> float:
    """What the registered model says of a row."""
    return round((number * 37 % 100) / 100, 2)


class NightlyWorld:
    """An endpoint that serves, and its nights."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, **asked: Any) -> None:
        self.world, self.slept, self.clock = world, list[float](), 0.0
        self.bodies: list[str] = []
        self.seconds = 0.01  # of an answer
        self.offset = 0.0
        self.failures: list[str | ClientError] = []
        monkeypatch.setattr("functions.question_endpoint.app.time.sleep", self._sleep)
        monkeypatch.setattr("functions.question_endpoint.app.time.monotonic", lambda: self.clock)
        world.publish(monitoring={"nightly": {"requests_per_second": 5, "rows_per_request": 20, **asked}})
        self.put_holdout()
        self.evaluated = world.evaluated()
        run = self.evaluated["run"]["run"]
        world.put("work", f"{naming.work_prefix(run, 'predict')}reference.csv", self.predictions().encode())
        world.deployed(world.approved(world.registered(self.evaluated)))
        monkeypatch.setattr(world.runtime, "invoke_endpoint", self._invoke, raising=False)
        self.calls = 0

    def put_holdout(self) -> None:
        text = "row_id,size,site\n" + "".join(f"{each},{number}.5,a\n" for number, each in enumerate(ids))
        manifest = digests.canonical(
            {
                "schema": 1,
                "model": MODEL,
                "kind": "reference",
                "rows": ROWS,
                "columns": ["row_id", "size", "site"],
                "features_sha256": digests.sha256(text.encode()),
                "labels_sha256": "1" * 64,
            }
        )
        digest = digests.sha256(manifest)
        prefix = naming.holdout_prefix(MODEL, digest)
        self.world.put("records", f"{prefix}manifest.json", manifest)
        self.features = self.world.put("records", f"{prefix}features.csv", text.encode())
        uri = naming.s3_uri(bucket("records"), prefix)
        self.world.ledger.put(f"MODEL#{MODEL}", "HOLDOUT#reference", {"digest": digest, "uri": uri, "rows": ROWS})

    def predictions(self, offset: float = 0.0) -> str:
        text = io.StringIO()
        lines = [["row_id", "prediction_0"], *([each, repr(predicted(at) + offset)] for at, each in enumerate(ids))]
        csv.writer(text, lineterminator="\n").writerows(lines)
        return text.getvalue()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock += seconds

    def _invoke(self, *, EndpointName: str, Body: bytes, InferenceId: str, **_: Any) -> dict[str, Any]:
        assert EndpointName == ENDPOINT
        self.calls += 1
        self.clock += self.seconds
        self.last_id, self.last = InferenceId, _
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, ClientError):
            raise failure
        self.bodies.append(Body.decode())
        rows = [int(line.partition(".")[0]) for line in Body.decode().splitlines()]
        text = failure if failure is not None else "".join(f"{predicted(row) + self.offset}\n" for row in rows)
        return {"Body": io.BytesIO(text.encode())}

    # -- the steps of the workflow
    def plan(self, name: str = "one", endpoint: str = ENDPOINT) -> dict[str, Any]:
        return self.world.call("plan_nightly", {"request": {"endpoint": endpoint}, "execution": _execution(name)})

    def ask(self, plan: dict[str, Any]) -> list[dict[str, Any]]:
        """All turns; the last one's answer is the last."""
        found: list[dict[str, Any]] = []
        while not found or (found[-1]["status"] == "more" and len(found) < plan["nightly"]["turns"]):
            event = {"nightly": plan["nightly"], "asked": found[-1] if found else None}
            found.append(self.world.call("question_endpoint", event))
        return found

    def score(self, plan: dict[str, Any], auc: float = 0.985, **changes: Any) -> None:
        """What the scoring job leaves: the same figures as registered, or others."""
        was = samples.REPORT["candidate"]["reference"]
        overall = {**was["overall"], "auc": {"value": auc, "low": auc - 0.01, "high": auc + 0.01}}
        difference = {"difference": auc - 0.985, "low": auc - 0.99, "high": auc - 0.98}
        same = {"difference": 0.0, "low": 0.0, "high": 0.0}
        paired = plan["nightly"]["paired"]
        report = {
            **samples.REPORT,
            "holdouts": {"reference": {"digest": _digest(plan), "rows": ROWS, "overlap_rows": 0}},
            "candidate": {"reference": {**was, "overall": overall}},
            "champion": {"reference": was} if paired else None,
            "comparison": {
                "reference": {
                    "overall": {**dict.fromkeys(was["overall"], same), "auc": difference if auc != 0.985 else same}
                }
            }
            if paired
            else None,
            **changes,
        }
        key = naming.split_s3_uri(plan["nightly"]["report"])[1] + "evaluation.json"
        self.world.put("work", key, json.dumps(report).encode())

    def judge(self, plan: dict[str, Any], asked: dict[str, Any], name: str = "one") -> dict[str, Any]:
        event = {"nightly": plan["nightly"], "asked": asked, "execution": _execution(name)}
        return self.world.call("judge_nightly", {**event, "started_at": iso(self.world.now)})

    def night(self, name: str = "one", auc: float = 0.985) -> dict[str, Any]:
        """The whole workflow, a day later."""
        self.world.later(days=1)
        plan = self.plan(name)
        asked = self.ask(plan)[-1]
        if asked["status"] == "answered":
            self.score(plan, auc)
        return self.judge(plan, asked, name)

    def found(self, uri: str) -> Any:
        return json.loads(self.world.body(uri))


def _execution(name: str) -> dict[str, str]:
    return execution("nightly_evaluation", name)


def _digest(plan: dict[str, Any]) -> str:
    return str(plan["nightly"]["holdouts"]["reference"]["digest"])


def failed(code: str, status: int = 500) -> ClientError:
    """An error of InvokeEndpoint."""
    response: Any = {
        "Error": {"Code": code, "Message": "patient 4711 is ill"},
        "OriginalStatusCode": status,
        "OriginalMessage": "patient 4711 is ill",
        "ResponseMetadata": {"HTTPStatusCode": 424 if code == "ModelError" else status},
    }
    return ClientError(response, "InvokeEndpoint")
