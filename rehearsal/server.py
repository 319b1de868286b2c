"""Boots moto's server on an ephemeral port and installs every extension.

moto loads a service's backend at its first request, so only the services that are used cost time.
"""

from __future__ import annotations

import importlib
import threading
from importlib.metadata import version
from typing import Any

from rehearsal import host as hosts
from rehearsal.host import Host, WsgiApp

MOTO_VERSION = "5.2.5"
LOOPBACK = "127.0.0.1"

#: Modules of this package with an ``install(host)``, in the order in which they are called.
EXTENSIONS = (
    "iam",
    "dynamodb",
    "s3",
    "stepfunctions",
    "lambdas",
    "sagemaker",
    "cloudwatch",
    "eventbridge",
    "scheduler",
    "cloudtrail",
    "ecr",
)


class Server:
    """The running HTTP server. Made by `start`."""

    def __init__(self, host: Host, http: Any) -> None:
        self._host = host
        self._http = http
        self._thread = threading.Thread(target=http.serve_forever, args=(0.05,), name="rehearsal-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port, end what the extensions started, forget all of moto's state."""
        for callback in reversed(self._host.on_stop):
            callback()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        hosts.set_current(None)
        reset()


def start(host: Host, extensions: tuple[str, ...] | None = None, address: str = LOOPBACK) -> Server:
    """Start the server for `host` with all extensions, set its endpoint and make it the current one.

    Raises
    ------
    RuntimeError
        When another version of moto than the pinned one is installed (the extensions replace parts of it), or when a
        rehearsal already runs in this process.
    """
    if version("moto") != MOTO_VERSION:
        raise RuntimeError(f"the rehearsal needs moto=={MOTO_VERSION}, found {version('moto')}")
    hosts.set_current(host)
    http = None
    try:
        http = _listen(address)
        host.endpoint = f"http://{address}:{http.server_port}"
        for name in EXTENSIONS if extensions is None else extensions:
            importlib.import_module(f"rehearsal.{name}").install(host)
        http.app = _application(host)
    except BaseException:
        if http is not None:
            http.server_close()
        hosts.set_current(None)
        raise
    return Server(host, http)


def reset() -> None:
    """Empty every backend of moto that is loaded (what POST /moto-api/reset does)."""
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    BackendDict.reset()
    reset_model_data()


def _listen(address: str) -> Any:
    """Bind the port; requests wait in its backlog until the server runs."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class QuietHandler(MotoRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Write no access log."""

    def not_yet(*_: Any) -> Any:
        raise RuntimeError("the rehearsal's server has no application yet")

    return make_server(address, 0, not_yet, threaded=True, request_handler=QuietHandler)


def _application(host: Host) -> WsgiApp:
    """moto's application inside the extensions' middleware."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    class Dispatcher(DomainDispatcherApplication):
        """Remembers which service a host name means; moto looks into 180 folders at each request, for 2 ms."""

        known: dict[str | None, Any] = {}

        def get_backend_for_host(self, host: str | None) -> Any:
            if host not in self.known:
                self.known[host] = super().get_backend_for_host(host)
            return self.known[host]

    app: WsgiApp = Dispatcher(create_backend_app)
    for wrap in host.middleware:
        app = wrap(app)
    return _as_work(host, app)


def _as_work(host: Host, app: WsgiApp) -> WsgiApp:
    """A request in flight is work (see `rehearsal.clock`), except an invocation of an endpoint.

    Live traffic must not hold time back: bakes and alarm periods pass while an endpoint is being called.
    """

    def counted(environ: dict[str, Any], start_response: Any) -> Any:
        if str(environ.get("PATH_INFO", "")).endswith("/invocations"):
            return app(environ, start_response)
        with host.clock.busy():
            return app(environ, start_response)

    return counted
