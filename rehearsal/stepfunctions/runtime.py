"""What one run of the interpreter stands on: a clock, a way to call services, and somebody who watches.

moto's interpreter code asks `current()` wherever it would ask the machine: a thread of an execution inherits the
runtime of the thread that started it. Executions in the rehearsal have a `HostRuntime`; the interpreter for tests
(`rehearsal.interpreter`) has one of its own, so that both can work side by side in one process.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ParamValidationError

from rehearsal import host as hosts
from rehearsal.clock import BusyThread, Clock
from rehearsal.stepfunctions.tokens import Tokens

if TYPE_CHECKING:
    from moto.stepfunctions.parser.asl.eval.environment import Environment

    from rehearsal.stepfunctions.map_runs import MapRun


class Runtime:
    """The base: time, tokens, transition counts; watches nothing.

    Attributes
    ----------
    clock
        Times all waits, and gives every timestamp.
    tokens
        Task tokens that have been given out.
    scripted
        Whether tasks are answered by `answer` instead of AWS services.
    """

    scripted = False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tokens = Tokens(clock)
        self.transitions: Counter[str] = Counter()

    def client(self, service: str, region: str, role_arn: str | None) -> Any:
        """Return a boto3 client that acts as the execution's role."""
        raise NotImplementedError

    def answer(self, task: Any, env: Environment, parameters: dict[str, Any]) -> Any:
        """Return the result of a scripted task, or raise."""
        raise NotImplementedError

    def jitter(self, seconds: float) -> float:
        """Return the wait before a retry with full jitter."""
        return random.uniform(0, seconds)

    # ---- what a Map Run asks of AWS

    def may_start_children(self, run: MapRun, machine: str) -> None:
        """Check that the role may start executions of its own state machine."""
        raise NotImplementedError

    def read_items(self, run: MapRun, parameters: dict[str, Any]) -> str | bytes:
        """Return the object that an ItemReader names."""
        raise NotImplementedError

    def write_results(self, run: MapRun, bucket: str, key: str, text: str) -> None:
        """Write one object of a ResultWriter."""
        raise NotImplementedError

    # ---- what happens; `execution` is its ARN

    def entered(self, env: Environment, name: str, kind: str) -> None:  # noqa: ARG002
        """A state has been entered: one transition in AWS's counting."""
        self.transitions[execution_of(env)] += 1

    def retried(self, env: Environment, name: str, error: str, wait: float) -> None:  # noqa: ARG002
        """A state is about to be tried again after `wait` seconds; AWS counts that as a transition too."""
        self.transitions[execution_of(env)] += 1

    def chose(self, env: Environment, name: str, branch: int | str) -> None:
        """A Choice took the rule with this index, or ``"default"``."""

    def caught(self, env: Environment, name: str, error: str, catcher: int) -> None:
        """A state's failure was caught by the catcher with this index."""

    def failed(self, env: Environment, name: str, error: str, cause: str) -> None:
        """One attempt of a state has failed."""


class HostRuntime(Runtime):
    """Executions in the rehearsal: its clock, its services, each with the credentials of the execution's role."""

    def __init__(self, host: hosts.Host) -> None:
        super().__init__(host.clock)
        self.host = host
        #: Held while executions are looked up by name and added, and while one gets its final status.
        self.starting = threading.RLock()
        self._lock = threading.Lock()
        self._sessions: dict[str, dict[str, str]] = {}

    def client(self, service: str, region: str, role_arn: str | None) -> Any:
        """Return a client with credentials of `role_arn`, assumed by states.amazonaws.com."""
        return self.host.client(service, self._credentials(role_arn), region)

    def _credentials(self, role_arn: str | None) -> dict[str, str] | None:
        if self.host.iam is None or role_arn is None:  # only in tests of single extensions
            return None
        with self._lock:
            found = self._sessions.get(role_arn)
        return self.assume(role_arn) if found is None else found

    def assume(self, role_arn: str, machine_arn: str | None = None) -> dict[str, str]:
        """Assume a role as Step Functions does when a state machine is made or changed; executions keep the session.

        Step Functions sends the machine as aws:SourceArn (Developer Guide, "Cross-service confused deputy").

        Raises
        ------
        AccessDenied
            When the role's trust policy does not let it.
        """
        found = self.host.iam.assume(role_arn, "states.amazonaws.com", "rehearsed-execution", source_arn=machine_arn)
        with self._lock:
            self._sessions[role_arn] = found
        return found

    def may_start_children(self, run: MapRun, machine: str) -> None:
        """Demand states:StartExecution on the machine itself ("IAM policies for using Distributed Map states").

        The name of the error is the States Language's own for missing rights; AWS does not document it.
        """
        from rehearsal.iam.errors import AccessDenied

        role = run.env.aws_execution_details.role_arn
        if self.host.iam is not None:
            try:
                self.host.iam.require(role, "states:StartExecution", machine)
            except AccessDenied as error:
                raise run.failure("States.Permissions", str(error)) from None

    def read_items(self, run: MapRun, parameters: dict[str, Any]) -> str | bytes:
        """Get the object as the execution's role."""
        try:
            body: bytes = self._s3(run).get_object(**parameters)["Body"].read()
        except (ClientError, ParamValidationError) as error:
            place = f"s3://{parameters.get('Bucket')}/{parameters.get('Key')}"
            raise run.failure("States.ItemReaderFailed", f"Attempting to read {place} failed: {error}") from None
        return body

    def write_results(self, run: MapRun, bucket: str, key: str, text: str) -> None:
        """Put the object as the execution's role."""
        try:
            self._s3(run).put_object(Bucket=bucket, Key=key, Body=text.encode())
        except (ClientError, ParamValidationError) as error:
            cause = f"Attempting to write s3://{bucket}/{key} failed: {error}"
            raise run.failure("States.ResultWriterFailed", cause) from None

    def _s3(self, run: MapRun) -> Any:
        details = run.env.aws_execution_details
        return self.client("s3", details.region, details.role_arn)

    def entered(self, env: Environment, name: str, kind: str) -> None:
        """Count, and tell who listens to the host."""
        super().entered(env, name, kind)
        self.host.emit("state", execution=execution_of(env), name=name, type=kind)


_host_runtime: HostRuntime | None = None


def current() -> Runtime:
    """Return the runtime of this thread's execution; outside any, that of the rehearsal that runs.

    Raises
    ------
    RuntimeError
        When there is neither.
    """
    own = getattr(threading.current_thread(), "rehearsal_runtime", None)
    return own if own is not None else host_runtime()


def host_runtime() -> HostRuntime:
    """Return the runtime of the rehearsal that runs."""
    global _host_runtime
    host = hosts.current()
    if _host_runtime is None or _host_runtime.host is not host:
        _host_runtime = HostRuntime(host)
    return _host_runtime


def execution_of(env: Environment) -> str:
    """Return the ARN of the execution that `env` belongs to."""
    arn: str = env.states.context_object.context_object_data["Execution"]["Id"]
    return arn


class RuntimeThread(BusyThread):
    """A thread of an execution: takes the place of ``threading.Thread`` in moto's interpreter."""

    def __init__(self, *args: Any, runtime: Runtime | None = None, **kwargs: Any) -> None:
        self.rehearsal_runtime = runtime or current()
        super().__init__(self.rehearsal_runtime.clock, *args, **{"daemon": True, **kwargs})


#: Takes the place of the module ``threading`` in moto's interpreter.
THREADING = SimpleNamespace(
    Thread=RuntimeThread,
    Event=lambda: current().clock.event(),
    Lock=threading.Lock,
    RLock=threading.RLock,
    Condition=threading.Condition,
)


class ClockDatetime(datetime):
    """Takes the place of ``datetime.datetime`` in moto's interpreter: now() is rehearsal time."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        """Return rehearsal time; naive UTC without `tz`."""
        now = current().clock.now()
        return now.replace(tzinfo=None) if tz is None else now.astimezone(tz)


def iso(moment: datetime) -> str:
    """Return ``2026-01-31T12:00:00.000Z``, as the context object writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
