"""The record that all parts of a rehearsal share: account, region, clock, endpoint, scratch folder, child processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.clock import Clock
from rehearsal.processes import Children

if TYPE_CHECKING:
    from rehearsal.iam import Identities

ACCOUNT = "123456789012"  # moto's default account; its backends are keyed by it
REGION = "us-gov-west-1"
PARTITION = "aws-us-gov"

#: Access key of the rehearsal itself: unrestricted, and never recorded by the IAM middleware.
OWN_ACCESS_KEY = "AKIAREHEARSALITSELF0"  # pragma: allowlist secret - of the rehearsal itself, known to nobody else
OWN_SECRET_KEY = "rehearsal"  # nosec B105 # noqa: S105 # pragma: allowlist secret - moto checks no signature

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Any]


@dataclass
class Host:
    """One running rehearsal.

    Attributes
    ----------
    account, region, partition
        What every ARN of this rehearsal is made of.
    clock
        Rehearsal time; everything that AWS would time goes through it.
    endpoint
        ``http://<address>:<port>`` of the server; known before any extension's ``install`` runs.
    workdir
        Scratch folder, removed when the rehearsal stops, however it stops.
    children
        Child processes that end with the host.
    iam
        Identities, sessions and the recorder; set by ``rehearsal.iam.install``.
    middleware
        WSGI wrappers that ``install`` functions append; the last one appended is the outermost.
    on_stop
        Callbacks that ``install`` functions append; run in reverse order at stop, before the children end.
    listeners
        Who wants to watch (the demo, ``-v``); see `emit`.
    """

    account: str
    region: str
    partition: str
    clock: Clock
    endpoint: str
    workdir: Path
    children: Children
    iam: Identities = None  # type: ignore[assignment]  # set by rehearsal.iam.install, before anything asks for it
    middleware: list[Callable[[WsgiApp], WsgiApp]] = field(default_factory=list)
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    listeners: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict, repr=False)
    _clients_lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _session: Any = field(default=None, repr=False)

    def client(self, service: str, credentials: dict[str, str] | None = None, region: str | None = None) -> Any:
        """Return a cached boto3 client that talks to this rehearsal.

        Parameters
        ----------
        service
            A boto3 service name, such as ``"s3"``.
        credentials
            A dict with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN as ``host.iam.assume`` returns
            it. Without it the client acts as the rehearsal itself, which may do anything and is not recorded.
        region
            Another region than the rehearsal's own.
        """
        keys = credentials or {"AWS_ACCESS_KEY_ID": OWN_ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": OWN_SECRET_KEY}
        wanted = (service, keys["AWS_ACCESS_KEY_ID"], region or self.region)
        # One lock for all: creating clients from one session is not thread-safe, and a session is slow to make.
        with self._clients_lock:
            client = self._clients.get(wanted)
            if client is None:
                client = self._clients[wanted] = self._new_client(service, keys, wanted[2])
            return client

    def _new_client(self, service: str, keys: dict[str, str], region: str) -> Any:
        import os

        import boto3
        import botocore.session
        from botocore.config import Config

        if self._session is None:
            # Nothing of the user's own AWS set-up: a profile that does not exist here would be an error.
            core = botocore.session.Session(
                session_vars={
                    "profile": (None, None, None, None),
                    "config_file": (None, None, os.devnull, None),
                    "credentials_file": (None, None, os.devnull, None),
                }
            )
            self._session = boto3.session.Session(botocore_session=core, region_name=self.region)
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},  # retries are the caller's business, not boto's
            max_pool_connections=50,
            read_timeout=900,
            proxies={},
            user_agent="rehearsal",  # composing the usual one takes half a millisecond per call
            s3={"addressing_style": "path"},
        )
        return self._session.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys.get("AWS_SESSION_TOKEN"),
            config=config,
        )

    def emit(self, kind: str, **details: Any) -> None:
        """Tell the listeners what happens: ``{"kind": ..., "time": rehearsal seconds, **details}``.

        Kinds used: ``state`` and ``execution`` (stepfunctions), and whatever other modules name in their own text.
        """
        for listener in tuple(self.listeners):  # listeners come and go meanwhile
            listener({"kind": kind, "time": self.clock.time(), **details})

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        """Return ``arn:<partition>:<service>:<region>:<account>:<resource>``; pass ``""`` to leave a field empty."""
        place = self.region if region is None else region
        owner = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{place}:{owner}:{resource}"


_current: Host | None = None


def current() -> Host:
    """Return the rehearsal that runs in this process.

    Raises
    ------
    RuntimeError
        When none runs.
    """
    if _current is None:
        raise RuntimeError("no rehearsal runs in this process: start one with rehearsal.Rehearsal(...)")
    return _current


def set_current(host: Host | None) -> None:
    """Make `host` the current one (server.start), or none (stop).

    Raises
    ------
    RuntimeError
        When another rehearsal already runs in this process: moto's backends are global, so there is room for one.
    """
    global _current
    if host is not None and _current is not None and _current is not host:
        raise RuntimeError("a rehearsal already runs in this process: stop it first, or start the other in its own")
    _current = host
