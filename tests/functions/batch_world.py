"""A model that serves, approved and deployed by the story's own functions, and batches for it."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from muster import naming
from muster.contracts.base import iso
from tests.functions.watched_world import WatchedWorld, rows
from tests.functions.world import MODEL, World, bucket, execution

HEADER = ("sample_id", "size", "site")
BELOW = naming.batch_prefix(MODEL)


class BatchWorld(WatchedWorld):
    """What `batch_inference` needs; an endpoint's traffic is not captured."""

    def __init__(self, world: World, *, on_drift: str = "flag", with_baseline: bool = True) -> None:
        self.world = world
        world.version(bucket("work"))
        world.publish(monitoring={"min_rows": 100, "batch": {"on_drift": on_drift}})
        self.baseline = self._seal_baseline() if with_baseline else None
        self.deploy()
        world.later(hours=1)

    def deploy(self, name: str = "one", weights: bytes = b"the weights") -> None:
        """Bring a version of the model into service, whose evidence names the baseline."""
        world = self.world
        evaluated = world.evaluated(world.trained(world.resolved(name=name), weights))
        named = {**evaluated, "baseline": self.baseline.payload() if self.baseline else None}
        evidence = world.call("assemble_evidence", named)
        package = world.call("register_model", {**named, "evidence": evidence})
        registered = {"run": evaluated["run"], "registered": package}
        self.package_arn = package["package_arn"]
        self.plan_of_deployment = world.deployed(world.approved(registered, token=f"token-{name}"), name)["plan"]

    def put(self, key: str, data: Sequence[tuple[Any, ...]], header: Sequence[str] = HEADER, *, more: str = "") -> str:
        """A batch file below raw/<model>/batch/: rows that each begin with an id."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([header, *data])
        self.world.put("data", BELOW + key, (text.getvalue() + more).encode())
        return BELOW + key

    def given(self, name: str = "one", **request: Any) -> dict[str, Any]:
        started = {**execution("batch_inference", name), "started_at": iso(self.world.now)}
        return {"request": {"model": MODEL, **request}, "execution": started}

    def stage(self, name: str = "one", **request: Any) -> dict[str, Any]:
        return self.world.call("stage_batch", self.given(name, **request))

    def transform(self, staged: dict[str, Any], answer: str | None = None) -> None:
        """What the transform job does: each staged row, and the model's answer at its end."""
        place, prefix = naming.split_s3_uri(staged["transform"]["input_uri"])
        for key in self.keys("work", prefix):
            lines = self.world.body(naming.s3_uri(place, key)).decode().splitlines()
            data = rows(len(lines), 5)
            answers = [answer if answer is not None else repr(p) for _, _, p in data]
            text = "".join(f"{line},{each}\n" for line, each in zip(lines, answers, strict=True))
            out = naming.split_s3_uri(staged["transform"]["output_uri"])[1]
            self.world.put("work", f"{out}/{key.rpartition('/')[2]}.out", text.encode())

    def collect(self, staged: dict[str, Any], name: str = "one") -> dict[str, Any]:
        return self.world.call("stage_batch", {"staged": staged, "execution": self.given(name)["execution"]})

    def publish(
        self, staged: dict[str, Any], plan: dict[str, Any], found: dict[str, Any], name: str = "one"
    ) -> dict[str, Any]:
        job = f"{staged['run']}-batch-0"
        event = {"staged": staged, "plan": plan, "found": found, "transform_job": job}
        return self.world.call("publish_batch", {**event, "execution": self.given(name)["execution"]})

    def infer(self, name: str = "one", **request: Any) -> dict[str, Any]:
        """The whole workflow."""
        staged = self.stage(name, **request)
        assert staged["status"] == "ready", staged["reason"]
        self.transform(staged)
        plan = self.collect(staged, name)
        self.sketch(plan)
        event = {"plan": plan, "quality": None, "sample": None}
        event |= {"execution": execution("batch_inference", name), "started_at": iso(self.world.now)}
        return self.publish(staged, plan, self.world.call("assess_window", event), name)

    @property
    def at(self) -> datetime:
        return self.world.now


def numbered(count: int, seed: int, shift: float = 0.0) -> list[tuple[str, float, str]]:
    """Rows of (sample_id, size, site)."""
    return [(f"S{number:04d}", size, site) for number, (size, site, _) in enumerate(rows(count, seed, shift=shift))]
