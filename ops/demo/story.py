"""The acts of the demo. Everything that happens here, a programme's people would do through the same commands."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from muster import naming
from muster.contracts.base import iso
from muster.errors import MusterError
from ops import approvals, datasets, executions, publishing
from ops.console import FAILED, OK, err, out
from ops.demo import ending, watching
from ops.demo.load import Load, requests_of, rows_of
from ops.demo.telling import Teller
from ops.installation import Installation
from ops.packaging import pack
from ops.stage import Stage, reference_model

MODEL = reference_model()
FAILS_LIVE, MISSES_GATE = MODEL / "demo" / "fails_live", MODEL / "demo" / "misses_gate"
FACTOR = 600.0
"""Rehearsal seconds per real second while everything waits: a bake of five minutes takes half a second."""


class StoryError(MusterError):
    """Something went another way than the story says: a fault, and the demo ends with it."""


@dataclass
class Story:
    """The people, and what they have learnt so far."""

    stage: Stage
    teller: Teller
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dana = self.stage.as_("dana", "Scientist")
        self.sam = self.stage.as_("sam", "Steward")
        self.alex = self.stage.as_("alex", "Approver")
        self.all = self.stage.everything()
        self.model = MODEL.name
        self.data = MODEL / "data"
        self.endpoint = naming.endpoint_name(self.all.prefix, self.model)

    def play(self) -> None:
        """Play all acts, in their order."""
        package = self.train()
        self.refuse(package)
        self.approve_and_deploy(package)
        self.watch()
        self.replace(self.retrain())
        self.fail_live()
        self.miss_gate()

    # -- acts ----------------------------------------------------------------------------------------------------------
    def train(self) -> str:
        """Act 1: from data to a candidate that passes its gates."""
        with self.teller.line("Train on part1 and pass the gates") as line:
            spec = pack(self.stage.commit(MODEL)).spec
            datasets.put_files(self.sam, spec.data.training, [self.data / "part1.csv"])
            frozen = datasets.put_holdout(self.sam, spec, "reference", self.data / "holdout_reference.csv")
            published = publishing.publish(self.dana, self.stage.checkout / self.model)
            arn = self._start_pipeline(self.dana)
            package = self._until_pending(arn)
            report = watching.evaluation(self.all, arn)
            line.say(
                f"published by dana at commit {published.commit[:7]}, code {published.code_digest[:12]}…, image {published.image_digest[:19]}…"
            )
            line.say(f"{frozen.rows} frozen holdout rows: {watching.figures(report, 'candidate', 'reference')}")
        return package

    def refuse(self, package: str) -> None:
        """Act 2: the pipeline waits for a person, who is not the one who started it."""
        with self.teller.line("Wait for a person; the starter tries to approve") as line:
            waiting = approvals.waiting(self.alex, package)
            line.say(
                f"waiting for approval of evidence {waiting.evidence_digest[:12]}…, until {waiting.expires_at[:10]}"
            )
            refused = self._try_to_approve(self.dana, package)
            line.say(f"refused by IAM: dana as Scientist: {refused}")
            approvals.answer(self.stage.as_("dana", "Approver"), package, "Approved", None, "my own work is fine")
            answer = watching.until(
                lambda: watching.refused_answer(self.all, package), "the refusal of dana's approval"
            )
            line.say(f"refused by Muster: {answer['why']}")
            watching.until(lambda: self._registry_says(package) == "Rejected" or None, "the registry to be set back")
            line.say("the registry was set back to Rejected")

    def approve_and_deploy(self, package: str) -> None:
        """Act 3 and 4: a second person approves a digest, and exactly that is deployed."""
        with self.teller.line("A second person approves") as line:
            done = approvals.answer(self.alex, package, "Approved", None, "figures and slices read")
            line.say(f"alex approved evidence {done['digest']}")
            self._ended(self.runs[-1], "approved")
        with self.teller.line("Deploy behind alarms") as line:
            self._deployed(package, "deployed")
            begun = self._now()
            answer = self._invoke(rows_of(self.data / "batch.csv")[0])
            self._until_captured(1, begun)  # so that its file is closed before the watched traffic begins
            live = self.all.client("sagemaker").describe_endpoint(EndpointName=self.endpoint)
            line.say(
                f"endpoint {self.endpoint} serves {live['EndpointConfigName']}; golden records and a live row answered ({answer.strip()})"
            )

    def watch(self) -> None:
        """Act 5: live traffic is held against the training data; a new scanner is noticed, once and with its causes."""
        with self.teller.line("Live traffic is watched") as line:
            line.say(f"130 rows of the scanner in use: {self._watched('holdout_reference')}")
        with self.teller.line("A new scanner comes into use") as line:
            for name, rows in (("part2", 100), ("holdout_recent", 160)):
                line.say(f"{rows} rows of live traffic: {self._watched(name)}")
            (refused,) = watching.until(lambda: watching.decisions(self.all, self.model, 1), "the governor's decision")
            line.say(f"one DriftDetected event; retraining {refused['decision']}: {refused['reason']}")

    def retrain(self) -> str:
        """Act 6: labels come, and retraining is governed."""
        with self.teller.line("Labels come: retraining, governed") as line:
            spec = pack(self.stage.checkout / self.model).spec
            datasets.put_files(self.sam, spec.data.training, [self.data / "part2.csv"])
            frozen = datasets.put_holdout(self.sam, spec, "recent", self.data / "holdout_recent.csv")
            line.say(f"labelled rows of the new scanner arrive; {frozen.rows} of them frozen as the recent holdout")
            for _ in range(2):
                executions.start(self.dana, "retraining", {"model": self.model, "cause": "data"})
            found = watching.until(lambda: watching.decisions(self.all, self.model, 3), "two more retraining decisions")
            for each in sorted(found[1:], key=lambda decision: str(decision["decision"])):
                line.say(f"{each['decision']}: {each['reason']}")
            arn = watching.until(lambda: watching.started_pipeline(self.all, self.runs), "the retrained pipeline")
            self.runs.append(arn)
        return str(arn)

    def replace(self, arn: str) -> None:
        """Act 7: the challenger is judged against the champion, approved, and takes over without a failed request."""
        with self.teller.line("The challenger beats the champion and takes over") as line:
            package = self._until_pending(arn)
            report = watching.evaluation(self.all, arn)
            for kind in ("reference", "recent"):
                line.say(f"{kind}: {watching.comparison(report, kind)}")
            with self._traffic(with_gaps=False) as load:
                approvals.answer(
                    self.alex, package, "Approved", None, "better on the new scanner, not worse on the old"
                )
                self._ended(arn, "approved")
                self._deployed(package, "deployed")
            line.say(
                f"approved by alex; traffic {watching.shifts(self.endpoint)}, {load.failed} of {load.sent} requests failed"
            )

    def fail_live(self) -> None:
        """Act 8: good offline, failing live: the alarm brings the old model back."""
        with self.teller.line("A model that is good offline and fails live") as line:
            publishing.publish(self.dana, self.stage.commit(MODEL, FAILS_LIVE))
            arn = self._start_pipeline(self.dana)
            package = self._until_pending(arn)
            line.say(f"judged: {watching.comparison(watching.evaluation(self.all, arn), 'recent')} on the recent rows")
            with self._traffic(with_gaps=True) as load:
                approvals.answer(self.alex, package, "Approved", None, "better again")
                self._ended(arn, "approved")
                result = self._deployed(package, "rolled_back")
            line.say(f"rolled back: {'; '.join(result['reasons'])}")
            line.say(watching.rollback_facts(self.endpoint, load))

    def miss_gate(self) -> None:
        """Act 9: a model that does not pass muster gets no package and no person's time."""
        with self.teller.line("A model that misses its gate") as line:
            publishing.publish(self.dana, self.stage.commit(MODEL, MISSES_GATE))
            ended = self._ended(self._start_pipeline(self.dana), "failed_gate")
            line.say(f"failed_gate: {ended.output['reasons'][0]}")

    # -- what the acts are made of ---------------------------------------------------------------------------------------
    def _start_pipeline(self, person: Installation) -> str:
        arn = executions.start(person, "pipeline", {"model": self.model})
        self.runs.append(arn)
        return arn

    def _until_pending(self, pipeline: str) -> str:
        """Wait until the run of a pipeline waits for approval, and return its package."""

        def look() -> str | None:
            ended = executions.describe(self.all, pipeline)
            if not ended.running:
                raise StoryError(
                    f"pipeline: found {ended.outcome} ({ended.error} {ended.cause} {ended.output.get('reasons')}), wanted it to wait for approval"
                )
            run = naming.run_id(pipeline)
            return next((each.package_arn for each in approvals.pending(self.all) if each.run == run), None)

        return watching.until(look, "a pending approval")

    def _ended(self, execution: str, outcome: str) -> executions.Ended:
        ended = watching.until(lambda: watching.ended(self.all, execution), f"the end of {execution}")
        if ended.outcome != outcome:
            raise StoryError(
                f"{execution}: found {ended.outcome} ({ended.error} {ended.cause} {ended.output.get('reasons')}), wanted {outcome}"
            )
        return ended

    def _deployed(self, package: str, outcome: str) -> dict[str, Any]:
        arn = watching.until(lambda: watching.deployment_of(self.all, package), "the deployment")
        return self._ended(arn, outcome).output

    def _try_to_approve(self, person: Installation, package: str) -> str:
        try:
            approvals.answer(person, package, "Approved", None, "my own work is fine")
        except MusterError as error:
            return str(error).partition("because")[2].strip() or str(error)
        raise StoryError("dana's approval as Scientist: found that IAM let it pass, wanted a denial")

    def _registry_says(self, package: str) -> str:
        described = self.all.client("sagemaker").describe_model_package(ModelPackageName=package)
        return str(described["ModelApprovalStatus"])

    def _until_captured(self, requests: int, since: datetime) -> None:
        watching.until(
            lambda: watching.captured(self.all, self.endpoint, since) >= requests or None, "the captured requests"
        )

    def _now(self) -> datetime:
        return self.stage.rehearsal.host.clock.now()

    def _watched(self, name: str) -> str:
        """Send a file's rows to the endpoint, look at that stretch of time, and say what the monitoring found."""
        begun, fields = self._now(), len(rows_of(self.data / "batch.csv")[0].split(","))
        bodies = requests_of(self.data / f"{name}.csv", fields)
        for body in bodies:
            self._invoke(body)
        self._until_captured(len(bodies), begun)
        window = {"start": iso(begun), "end": iso(self._now())}
        arn = executions.start(self.all, "monitoring", {"endpoint": self.endpoint, "window": window})
        ended = watching.until(lambda: watching.ended(self.all, arn), "the end of the monitoring")
        if ended.status != "SUCCEEDED":
            raise StoryError(f"monitoring: found {ended.error} {ended.cause}, wanted a verdict")
        return f"{ended.outcome}; {ended.output['reasons'][0]}"

    def _traffic(self, with_gaps: bool) -> Load:
        rows = rows_of(self.data / "batch.csv")
        chosen = rows if with_gaps else [row for row in rows if ",," not in row and not row.endswith(",")]
        return Load(self.all.client("sagemaker-runtime"), self.endpoint, chosen, "text/csv")

    def _invoke(self, row: str) -> str:
        answer = self.all.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=self.endpoint, ContentType="text/csv", Body=row.encode()
        )
        return str(answer["Body"].read().decode())


def tell(verbose: bool = False) -> int:
    """Tell the story; return the exit status."""
    begun = time.monotonic()
    out.print(
        "Muster's demo: real training, real endpoints and the deployable files, on this machine; about a minute. No AWS account is used."
    )
    try:
        with Stage(factor=FACTOR, on_event=watching.printer() if verbose else None) as stage:
            Story(stage, Teller()).play()
            ending.show(stage, Path.cwd() / "build" / "demo", time.monotonic() - begun)
    except StoryError as error:
        err.print(f"the demo failed: {error}")
        return FAILED
    return OK
