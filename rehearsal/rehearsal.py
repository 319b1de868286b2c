"""Class Rehearsal: start it, deploy a template into it, act in it as one role or another, stop it."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rehearsal import record, server
from rehearsal.clock import Clock
from rehearsal.host import ACCOUNT, PARTITION, REGION, Host
from rehearsal.processes import Children

if TYPE_CHECKING:
    from rehearsal.lambdas.recorder import Call


class Rehearsal:
    """A local stand-in for one AWS account and region, in this process and its children.

    Use it as a context manager. One at a time per process; several processes do not disturb each other. It leaves no
    process, no port and no scratch folder behind, even when its process is killed.

    Parameters
    ----------
    root
        The repository: relative template paths start here.
    region
        Name of the region.
    factor
        Seconds of rehearsal time per real second while all is waiting (see `rehearsal.clock`); ``math.inf`` jumps.
    address
        Address of this machine to listen on. Only the loopback interface is closed to others: moto checks no signature.
    workdir
        Where the scratch folder is made; the system's temporary folder if not given.
    on_event
        Called with a dict for each thing that happens (see `Host.emit`).
    """

    def __init__(
        self,
        root: Path,
        *,
        region: str = REGION,
        factor: float = 60.0,
        address: str = server.LOOPBACK,
        workdir: Path | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.root = Path(root).resolve()
        self._region = region
        self._factor = factor
        self._address = address
        self._parent = workdir
        self._on_event = on_event
        self._host: Host | None = None
        self._server: server.Server | None = None

    # ---- life

    def start(self) -> Rehearsal:
        """Start the server; called by ``with``."""
        if self._host is not None:
            raise RuntimeError("this rehearsal runs already")
        workdir = Path(tempfile.mkdtemp(prefix="muster-rehearsal-", dir=self._parent))
        children = Children()
        children.remove_at_end(workdir)
        host = Host(
            account=ACCOUNT,
            region=self._region,
            partition=PARTITION,
            clock=Clock(self._factor),
            endpoint="",
            workdir=workdir,
            children=children,
        )
        if self._on_event is not None:
            host.listeners.append(self._on_event)
        self._host = host
        atexit.register(self.stop)
        try:
            self._server = server.start(host, address=self._address)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End everything; harmless when it has been called before."""
        host, self._host = self._host, None
        running, self._server = self._server, None
        if host is None:
            return
        atexit.unregister(self.stop)
        try:
            record.write(host)
            if running is not None:
                running.stop()
        finally:
            host.clock.close()
            host.children.stop()
            shutil.rmtree(host.workdir, ignore_errors=True)

    def __enter__(self) -> Rehearsal:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ---- what it is

    @property
    def host(self) -> Host:
        """The record shared by the rehearsal's modules."""
        if self._host is None:
            raise RuntimeError("this rehearsal does not run: use it in a with statement, or call start()")
        return self._host

    @property
    def clock(self) -> Clock:
        """Rehearsal time."""
        return self.host.clock

    @property
    def endpoint(self) -> str:
        """``http://<address>:<port>``, for AWS_ENDPOINT_URL."""
        return self.host.endpoint

    # ---- acting in it

    def deploy(self, template_path: Path | str, parameters: Mapping[str, str] | None = None) -> dict[str, str]:
        """Create what a SAM template says, and return its outputs by name."""
        from rehearsal.template import deploy

        return dict(deploy(self.host, self.root / template_path, dict(parameters or {})).outputs)

    def client(self, service: str, as_: dict[str, str] | None = None) -> Any:
        """Return a boto3 client; without credentials it may do anything and is not recorded."""
        return self.host.client(service, as_)

    def person(self, name: str, role_name: str) -> dict[str, str]:
        """Return credentials of ``assumed-role/<role_name>/<name>`` with SourceIdentity `name`."""
        role = self.host.arn("iam", f"role/{role_name}", region="")
        return self.host.iam.assume(role, "person", name, source_identity=name)

    def start_execution(self, state_machine_arn: str, data: Any, name: str | None = None, **client: Any) -> str:
        """Start an execution and return its ARN; ``as_=credentials`` says who starts it."""
        arguments = {"stateMachineArn": state_machine_arn, "input": json.dumps(data)}
        if name is not None:
            arguments["name"] = name
        arn: str = self.client("stepfunctions", **client).start_execution(**arguments)["executionArn"]
        return arn

    def wait_for(self, execution_arn: str, timeout: float = 60.0) -> dict[str, Any]:
        """Wait until an execution has ended and return its description, with the output parsed.

        Raises
        ------
        TimeoutError
            When it still runs after `timeout` real seconds.
        """
        from rehearsal.stepfunctions.executions import find

        ended = threading.Event()
        find(execution_arn).rehearsal_watch(ended.set)
        if not ended.wait(timeout):
            raise TimeoutError(f"{execution_arn} still runs after {timeout:g} s")
        description: dict[str, Any] = self.client("stepfunctions").describe_execution(executionArn=execution_arn)
        description.pop("ResponseMetadata", None)
        if "output" in description:
            description["output"] = json.loads(description["output"])
        return description

    def transitions(self, execution_arn: str) -> int:
        """Return how many state transitions AWS would bill for an execution."""
        from rehearsal.stepfunctions import transitions

        return transitions(execution_arn)

    def lambda_calls(self, since: datetime | None = None) -> list[Call]:
        """Return the invocations of functions since a rehearsal time, in the order in which they ended."""
        from rehearsal import lambdas

        return [call for call in lambdas.calls() if since is None or call.started >= since]

    def environment(self, credentials: dict[str, str]) -> dict[str, str]:
        """Return the environment variables with which the AWS CLI and the SDKs act in this rehearsal."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return {
            **{name: credentials[name] for name in names if credentials.get(name)},
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.host.region,
            "AWS_DEFAULT_REGION": self.host.region,
            "NO_PROXY": f"{self._address},localhost",
        }
