"""What the end-to-end tests act with: an installation with people, models made for one test, and looks at what came of it.

People act with their own credentials and their policies; looks use unrestricted ones. Every test has a model name of its
own, so that tests do not meet.
"""

from __future__ import annotations

import fnmatch
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from muster import naming
from muster.approval import approval_description
from muster.aws.ledger import Ledger
from muster.aws.ledger_approvals import Approvals
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.ledger_models import Runs
from muster.contracts.pipeline import PendingApproval, Publication
from ops import approvals, datasets, executions, publishing
from ops.executions import Ended
from ops.installation import Installation
from ops.packaging import read_spec
from ops.stage import ROOT, Stage

T = TypeVar("T")
MODEL = ROOT / "models" / "breast_cancer"
REGRESSION = ROOT / "tests" / "fixtures" / "models" / "pump_energy"
FACTOR = 600.0
"""Rehearsal seconds per real second while everything waits: a bake of five minutes takes half a second."""
PATIENCE = 90.0
"""Real seconds that a test waits for one thing; only a fault makes it wait so long."""

# A training of a blink, and the shortest waits that policy.yaml allows.
FAST: Mapping[str, Any] = {
    "training.hyperparameters.num_round": 30,
    "evaluation.gates": [{"metric": "auc", "min": 0.8}],
    "evaluation.slices": [],
    "evaluation.bias_groups": [],
    "rollout.wait_seconds": 60,
    "rollout.termination_wait_seconds": 300,
}


@dataclass(frozen=True)
class Started:
    """A pipeline that was started for a model."""

    model: str
    arn: str

    @property
    def run(self) -> str:
        """The run's id."""
        return naming.run_id(self.arn)


class _KeptClients:
    """A session that makes one client of each kind: making one takes longer than most calls."""

    def __init__(self, session: Any) -> None:
        self._session, self._made = session, {}

    def client(self, service: str, **options: Any) -> Any:
        if service not in self._made:
            self._made[service] = self._session.client(service, **options)
        return self._made[service]


def _with_kept_clients(installation: Installation) -> Installation:
    return replace(installation, session=_KeptClients(installation.session))  # type: ignore[arg-type]


class Site:
    """A stage, its people, and the ledger as it stands."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.rehearsal, self._folder = stage, stage.rehearsal, folder
        self.dana = self.person("dana", "Scientist")  # publishes and starts
        self.sam = self.person("sam", "Steward")  # puts data
        self.alex = self.person("alex", "Approver")
        self.kim = self.person("kim", "Approver")
        self.olga = self.person("olga", "Operator")
        self.all = _with_kept_clients(stage.everything())
        ledger = Ledger(self.all.client("dynamodb"), self.all.ledger)
        self.ledger, self.approvals, self.endpoints, self.runs = (
            ledger,
            Approvals(ledger),
            Endpoints(ledger),
            Runs(ledger),
        )
        self._happened, self._asked, self._over = threading.Event(), set[str](), set[str]()
        stage.rehearsal.host.listeners.append(self._listen)
        self._denials_seen = 0

    def person(self, name: str, role: str) -> Installation:
        """Return the installation as a person sees it."""
        return _with_kept_clients(self.stage.as_(name, role))

    def client(self, service: str) -> Any:
        """Return an unrestricted client: for looking, and for breaking things."""
        return self.all.client(service)

    def _listen(self, event: dict[str, Any]) -> None:
        """Note what happens in this process: a look at the ledger is a request, and far from free."""
        if event["kind"] == "state" and event["name"] == "RequestApproval":
            self._asked.add(event["execution"].rpartition(":")[2].partition("-")[0])
        if event["kind"] == "execution" and event["status"] != "RUNNING":
            self._over.add(event["execution"])
        if event["kind"] in ("lambda", "execution", "endpoint", "alarm"):
            self._happened.set()

    # -- waiting -----------------------------------------------------------------------------------------------------
    def until(self, look: Callable[[], T | None], what: str) -> T:
        """Look whenever something has happened, until there is something to see; TimeoutError after PATIENCE."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._happened.clear()
            found = look()
            if found is not None:
                return found
            self._happened.wait(0.3)  # not everything that is looked for makes an event
        raise TimeoutError(f"waited {PATIENCE:g} s for {what}")

    def ended(self, arn: str) -> Ended:
        """Wait for the end of an execution and return it."""
        self.rehearsal.wait_for(arn, PATIENCE)
        return executions.describe(self.all, arn)

    def settled(self) -> None:
        """Wait until no event is on its way and no function runs that one has invoked."""
        from rehearsal import eventbridge

        assert eventbridge.settled(PATIENCE)
        self.until(lambda: True if not self.rehearsal.clock.working else None, "the end of all work")

    @contextmanager
    def on_state(
        self, execution: str, state: str, act: Callable[[str], object] = lambda _: None
    ) -> Iterator[threading.Event]:
        """Act once, at the instant at which an execution that matches enters a state; the state waits for the act.

        `execution` is a pattern for ``<workflow>:<execution's name>``. The event is set when the act is done. The act
        must not stop the execution: that would wait for itself.
        """
        done, lock = threading.Event(), threading.Lock()

        def listen(event: dict[str, Any]) -> None:
            if event["kind"] != "state" or event["name"] != state or done.is_set():
                return
            if not fnmatch.fnmatchcase(":".join(event["execution"].split(":")[-2:]), f"{self.all.prefix}-{execution}"):
                return
            with lock:
                if not done.is_set():
                    act(event["execution"])
                    done.set()

        self.rehearsal.host.listeners.append(listen)
        try:
            yield done
        finally:
            self.rehearsal.host.listeners.remove(listen)

    # -- models ------------------------------------------------------------------------------------------------------
    def write(
        self,
        name: str,
        spec: Mapping[str, Any] | None = None,
        files: Mapping[str, Callable[[str], str]] | None = None,
        source: Path = MODEL,
    ) -> Path:
        """Make a model's folder from another one's, under another name, and commit it.

        Parameters
        ----------
        spec
            Fields of model.yaml by dotted path; None takes a field out.
        files
            What to make of a file's text, by the file's name.
        """
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", "data"))
        text = (folder / "model.yaml").read_text(encoding="utf-8").replace(source.name, name)
        document = yaml.safe_load(text)
        for path, value in {**(FAST if source == MODEL else {}), **(spec or {})}.items():
            *parents, last = path.split(".")
            place = document
            for parent in parents:
                place = place[parent]
            if value is None:
                del place[last]
            else:
                place[last] = value
        (folder / "model.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        for file, change in (files or {}).items():
            before = (folder / file).read_text(encoding="utf-8")
            after = change(before)
            assert after != before, f"{file}: the change changes nothing"
            (folder / file).write_text(after, encoding="utf-8")
        return self.stage.commit(folder)

    def put_data(self, folder: Path, source: Path = MODEL, *, training: bool = True, holdout: bool = True) -> None:
        """Let the steward put a model's training set and its reference holdout."""
        spec = read_spec(folder)
        if training:
            datasets.put_files(self.sam, spec.data.training, [source / "data" / "part1.csv"])
        if holdout:
            datasets.put_holdout(self.sam, spec, "reference", source / "data" / "holdout_reference.csv")

    def publish(self, folder: Path) -> Publication:
        """Let the scientist publish a folder."""
        return publishing.publish(self.dana, folder)

    def start(self, model: str, name: str | None = None, **request: Any) -> Started:
        """Let the scientist start a model's pipeline."""
        return Started(model, executions.start(self.dana, "pipeline", {"model": model, **request}, name))

    def named(self, model: str, name: str) -> Started:
        """Return what starting a pipeline under a name will be: for watching it from its first state on."""
        return Started(model, self.all.state_machines["pipeline"].replace(":stateMachine:", ":execution:") + f":{name}")

    def run(self, model: str, spec: Mapping[str, Any] | None = None, **changes: Any) -> Started:
        """Write, publish and start a model with its data put: all that goes before a pipeline runs."""
        folder = self.write(model, spec, **changes)
        self.put_data(folder)
        self.publish(folder)
        return self.start(model)

    # -- approvals ---------------------------------------------------------------------------------------------------
    def pending(self, started: Started) -> PendingApproval:
        """Wait until a pipeline waits for a person, and return what it waits for."""

        def look() -> PendingApproval | None:
            if started.run not in self._asked and started.arn not in self._over:
                return None
            found = [each.approval for each in self.approvals.unfinished() if each.approval.run == started.run]
            if not found:
                state = executions.describe(self.all, started.arn)
                assert state.running, f"wanted it to wait for approval, found {state}"
            return found[0] if found and found[0].status == "pending" else None

        return self.until(look, f"{started.model} to wait for approval")

    def answer(
        self, person: Installation, package: str, status: Any = "Approved", reason: str = "figures read"
    ) -> None:
        """Let a person answer with the command's own function."""
        approvals.answer(person, package, status, None, reason)

    def answer_directly(self, person: Installation, package: str, digest: str, status: str = "Approved") -> None:
        """Let a person answer in the registry, as with the AWS CLI."""
        person.client("sagemaker").update_model_package(
            ModelPackageArn=package,
            ModelApprovalStatus=status,
            ApprovalDescription=approval_description(digest, "answered in the registry"),
        )

    def answer_of(self, person: str, package: str, number: int = 1) -> dict[str, Any]:
        """Wait until a person's answer is recorded, the first one by default, and return what became of it."""

        def look() -> dict[str, Any] | None:
            found = [each for each in self.approvals.answers(package) if each["who"] == person]
            return found[number - 1] if len(found) >= number else None

        return self.until(look, f"{person}'s answer to {package}")

    def set_back(self, package: str) -> None:
        """Wait until the registry says no again."""
        self.until(lambda: self.registry_status(package) == "Rejected" or None, "the registry to be set back")

    def registry_status(self, package: str) -> str:
        """Return what the registry says of a package."""
        return str(self.client("sagemaker").describe_model_package(ModelPackageName=package)["ModelApprovalStatus"])

    # -- serving -----------------------------------------------------------------------------------------------------
    def endpoint(self, model: str) -> str:
        """Name the endpoint of a model."""
        return naming.endpoint_name(self.all.prefix, model)

    def executions_of(self, workflow: str, **members: Any) -> list[str]:
        """Return the executions of a workflow whose input has these members, the oldest first."""
        sfn = self.client("stepfunctions")
        found = []
        for each in sfn.list_executions(stateMachineArn=self.all.state_machines[workflow])["executions"]:
            described = sfn.describe_execution(executionArn=each["executionArn"])
            given = json.loads(described["input"])
            if all(given.get(key) == value for key, value in members.items()):
                found.append((described["startDate"], str(each["executionArn"])))
        return [arn for _, arn in sorted(found)]

    def executions_of_run(self, started: Started) -> dict[str, str]:
        """Return the executions of a run by workflow: its pipeline and what that has started."""
        found = {"pipeline": started.arn}
        for workflow, machine in self.all.state_machines.items():
            for each in self.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]:
                if each["name"].startswith(naming.job_prefix(started.run)):
                    found[workflow] = each["executionArn"]
        return found

    def deployment(self, package: str, number: int = 0) -> Ended:
        """Wait for the end of a package's deployment, the first one by default."""
        arns = self.until(
            lambda: self._at_least(number + 1, self.executions_of("deployment", model_package_arn=package)),
            f"deployment {number + 1} of {package}",
        )
        return self.ended(arns[number])

    @staticmethod
    def _at_least(count: int, found: list[str]) -> list[str] | None:
        return found if len(found) >= count else None

    def in_service(self, model: str) -> str:
        """Wait until a model's endpoint is settled, and return the configuration that it serves."""

        def look() -> str | None:
            found = self.client("sagemaker").describe_endpoint(EndpointName=self.endpoint(model))
            return str(found["EndpointConfigName"]) if found["EndpointStatus"] == "InService" else None

        return self.until(look, f"{self.endpoint(model)} to be in service")

    def champion(self, model: str, package: str) -> None:
        """Wait until a model's champion is a package: an event moves the pointer."""
        self.until(
            lambda: (self.ledger.get(f"MODEL#{model}", "CHAMPION") or {}).get("package_arn") == package or None,
            f"{package} to be the champion",
        )

    # -- what must not be left ---------------------------------------------------------------------------------------
    def nothing_half_done(self, started: Started, *, package: bool = False) -> None:
        """Assert that a run that ended has left nothing behind: no job, approval, package, lease, mark or endpoint."""
        if self.runs.get(started.run):
            self.until(lambda: (self.runs.get(started.run) or {}).get("error"), f"the settling of {started.arn}")
        sagemaker, prefix = self.client("sagemaker"), naming.job_prefix(started.run)
        for kind in ("Training", "Processing"):
            listed = getattr(sagemaker, f"list_{kind.lower()}_jobs")(NameContains=prefix)[f"{kind}JobSummaries"]
            running = [
                each[f"{kind}JobName"] for each in listed if each[f"{kind}JobStatus"] in ("InProgress", "Stopping")
            ]
            assert running == []
        assert [each for each in self.approvals.unfinished() if each.approval.run == started.run] == []
        group, endpoint = naming.package_group(self.all.prefix, started.model), self.endpoint(started.model)
        if not package:
            groups = sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
            assert groups == []
        assert self.endpoints.lease(endpoint) is None
        assert [each for each in self.endpoints.in_progress() if each.endpoint == endpoint] == []
        if not package:
            assert sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"] == []

    def denied(self) -> list[str]:
        """Return what Muster's own roles were denied since this was asked last."""
        calls = self.rehearsal.host.iam.calls()
        new, self._denials_seen = calls[self._denials_seen :], len(calls)
        own = f":role/{self.all.prefix}/"
        return [
            f"{call.principal}: {call.action} on {call.resource}: {call.reason}"
            for call in new
            if not call.allowed and own in call.principal
        ]


def one_line(text: str, *words: str) -> None:
    """Assert that a message is one clear line that has these words."""
    assert text, "found no message"
    assert len(text.splitlines()) == 1, text
    assert len(text) <= 1000, text
    assert "Traceback" not in text, text
    for word in words:
        assert word in text, f"wanted {word!r} in: {text}"
