"""Stands before moto's server: finds out who asks for what, decides, and lets the request through or refuses it.

The rehearsal's own requests pass untouched. Everything else must be signed with an access key that `assume` gave out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from rehearsal.host import Host, WsgiApp
from rehearsal.iam import denials, requests
from rehearsal.iam.actions import needs_of
from rehearsal.iam.denials import Answer
from rehearsal.iam.errors import AccessDenied, RehearsalGap, UnknownCredentials
from rehearsal.iam.identities import is_own
from rehearsal.iam.keys import Need
from rehearsal.iam.principals import Session
from rehearsal.iam.requests import ApiRequest, Credential

logger = logging.getLogger(__name__)

_request: ContextVar[ApiRequest | None] = ContextVar("rehearsal_request", default=None)


def request_in_hand() -> ApiRequest | None:
    """Return the request that this thread answers; None for the rehearsal's own, or outside a request."""
    return _request.get()


class Watcher(Protocol):
    """Who wants to see requests after they were answered, such as CloudTrail."""

    def wants(self, request: ApiRequest) -> bool:
        """Whether `saw` is to be called for this request (it makes the middleware keep the response's body)."""

    def saw(self, session: Session, request: ApiRequest, status: int, body: bytes) -> None:
        """Take note of an answered request."""


class Middleware:
    """WSGI application around another. See the module."""

    def __init__(self, app: WsgiApp, host: Host, watchers: list[Watcher]) -> None:
        self._app = app
        self._host = host
        self._watchers = watchers

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request."""
        if environ.get("PATH_INFO", "").startswith("/moto-api"):
            return self._app(environ, start_response)
        signed = requests.credential(environ)
        if signed is not None and is_own(signed.access_key):
            with self._host.iam.acting(None):
                return self._app(environ, start_response)
        request: ApiRequest | None = None
        try:
            session = self._authenticate(signed)
            request = requests.parse(environ, signed)  # type: ignore[arg-type]  # unsigned ones are refused above
            self._authorize(session, request)
        except AccessDenied as denied:
            assert request is not None
            answer = denials.access_denied(request.service, request.protocol, denied.message)
            self._tell(session, request, int(answer.status[:3]), answer.body)
            return _respond(environ, start_response, answer)
        except UnknownCredentials:
            refuse = denials.unsigned if signed is None else denials.unknown_credentials
            return _respond(environ, start_response, refuse(*_roughly(environ, signed)))
        except RehearsalGap as error:
            logger.error("%s", error)  # noqa: TRY400 - the line says it all
            self._host.iam.gaps.append(str(error))
            return _respond(environ, start_response, denials.gap(*_roughly(environ, signed), str(error)))
        with self._host.iam.acting(session), _in_hand(request):
            return self._forward(environ, start_response, session, request)

    def _authenticate(self, signed: Credential | None) -> Session:
        if signed is None:
            raise UnknownCredentials("")
        return self._host.iam.session(signed.access_key, signed.token)

    def _authorize(self, session: Session, request: ApiRequest) -> None:
        """Demand every need, in order, as AWS does: the first that is refused ends the request."""
        identity = request.params.get("SourceIdentity")
        if identity and session.source_identity not in (None, identity) and request.operation == "AssumeRole":
            raise AccessDenied(
                f"User: {session.arn} is not authorized to perform: sts:SetSourceIdentity on resource: "
                f"{request.params.get('RoleArn')}: the source identity of a session cannot be changed",
                "sts:SetSourceIdentity",
                str(request.params.get("RoleArn")),
                "",
            )
        for need in needs_of(self._host, request):
            self._host.iam.demand(session, need)

    def _forward(
        self, environ: dict[str, Any], start_response: Callable[..., Any], session: Session, request: ApiRequest
    ) -> Any:
        """Let moto answer, and look at the answer where somebody needs to."""
        hides = request.service == "s3" and request.operation in ("GetObject", "HeadObject")
        watched = any(watcher.wants(request) for watcher in self._watchers)
        if not hides and not watched:
            return self._app(environ, start_response)
        seen: list[Any] = []

        def hold(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
            seen[:] = [status, headers]
            return lambda _: None

        content = self._app(environ, hold)
        status, headers = seen
        if hides and status.startswith("404"):
            hidden = self._hidden(session, request)
            if hidden is not None:
                return _respond(environ, start_response, hidden)
        start_response(status, headers)
        if not watched:
            return content
        body = b"".join(content)
        self._tell(session, request, int(status[:3]), body)
        return [body]

    def _hidden(self, session: Session, request: ApiRequest) -> Answer | None:
        """S3 says 404 for a missing object only to who may list the bucket, and 403 to everybody else.

        S3 API Reference, GetObject, "Permissions".
        """
        arn = f"arn:{self._host.partition}:s3:::{request.params['Bucket']}"
        need = Need("s3:ListBucket", arn, implied=True)
        try:
            self._host.iam.demand(session, need)
        except AccessDenied as denied:
            return denials.access_denied("s3", request.protocol, denied.message)
        return None

    def _tell(self, session: Session, request: ApiRequest, status: int, body: bytes) -> None:
        for watcher in self._watchers:
            if watcher.wants(request):
                watcher.saw(session, request, status, body)


@contextmanager
def _in_hand(request: ApiRequest) -> Iterator[None]:
    mark = _request.set(request)
    try:
        yield
    finally:
        _request.reset(mark)


def _roughly(environ: dict[str, Any], signed: Credential | None) -> tuple[str, str]:
    """Return service and protocol of a request that was not let in, as far as they can be told."""
    if signed is None:
        return ("", requests.JSON) if environ.get("HTTP_X_AMZ_TARGET") else ("s3", requests.REST_XML)
    service = requests.service_of(environ, signed)
    try:
        return service, requests.protocol_of(environ, service)
    except RehearsalGap:
        return service, requests.JSON


def _respond(environ: dict[str, Any], start_response: Callable[..., Any], answer: Answer) -> list[bytes]:
    """Send an answer; take in what is left of the request first, so that the connection can go on."""
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0:
        part = environ["wsgi.input"].read(min(left, 65536))
        left = left - len(part) if part else 0
    body = b"" if environ.get("REQUEST_METHOD") == "HEAD" else answer.body
    start_response(answer.status, [*answer.headers, ("Content-Length", str(len(body)))])
    return [body]
