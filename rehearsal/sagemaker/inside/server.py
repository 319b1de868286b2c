"""Entry point of an endpoint's server process: ``docker run image serve``.

GET /ping answers 200 when the model is loaded; POST /invocations runs the user's functions. "Custom Inference Code with
Hosting Services", developer guide.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rehearsal.sagemaker.inside import sandbox, serving

MAX_BODY = 6 * 1024 * 1024  # bytes; InvokeEndpoint's limit


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without asking for the host's name, which would be a look-up."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "localhost", self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = None  # the router keeps its connections open
    program: serving.Program

    def setup(self) -> None:
        """Send small answers at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: Any) -> None:
        """Keep the log for the user's own words."""

    def do_GET(self) -> None:
        """Answer the health check."""
        if self.path == "/ping":
            self._answer(200, b'{\n  "status": "Healthy"\n}\n', "application/json")
        else:
            self._answer(404, b"", "text/plain")

    def do_POST(self) -> None:
        """Answer an invocation."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/invocations":
            self._answer(404, b"", "text/plain")
            return
        try:
            answer, kind = self.program.transform(body, self.headers.get("Content-Type"), self.headers.get("Accept"))
            self._answer(200, answer, kind)
        except Exception as error:
            traceback.print_exc()
            status = int(getattr(error, "status_code", 500))
            message = str(getattr(error, "message", None) or error or type(error).__name__)
            self._answer(status, message.encode(), "text/plain")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(spec: dict[str, Any]) -> int:
    """Load the model, listen, write the port into ``spec["port_file"]``, and serve until the process is ended."""
    server = _Server(("127.0.0.1", 0), _Handler, bind_and_activate=False)
    server.server_bind()
    code = Path(spec["root"], "code")
    os.environ.update(sandbox.environment(spec))
    try:
        module = serving.prepare(spec, code)
        sandbox.enter(spec, [str(code)])
        _Handler.program = serving.Program(module, str(Path(spec["root"], "model")))
    except BaseException:
        traceback.print_exc()
        return 1
    server.server_activate()
    temporary = Path(spec["port_file"] + ".new")
    temporary.write_text(str(server.server_port))
    temporary.replace(spec["port_file"])
    sys.stdout.write(f"Model server started, listening on {server.server_port}\n")
    server.serve_forever(poll_interval=3600)
    return 0
