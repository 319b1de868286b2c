"""Live traffic: rows of a file, sent to an endpoint until told to stop, with every answer counted, or once each."""

import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

_PAUSE = 0.01
"""Seconds between requests of one sender: some 40 requests a second on two cores, enough for an alarm's period."""


class Load:
    """Send requests in the background while the ``with`` block runs.

    Attributes
    ----------
    answers
        How many requests were answered, by ``ok`` or by the error's code.
    """

    def __init__(self, runtime: Any, endpoint: str, rows: list[str], content_type: str) -> None:
        self._runtime, self._endpoint, self._rows, self._content_type = runtime, endpoint, rows, content_type
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.answers: Counter[str] = Counter()

    @property
    def sent(self) -> int:
        """Requests sent so far."""
        return sum(self.answers.values())

    @property
    def failed(self) -> int:
        """Requests that got no answer."""
        return self.sent - self.answers["ok"]

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _send(self) -> None:
        number = 0
        while not self._stop.wait(_PAUSE):
            row = self._rows[number % len(self._rows)]
            number += 1
            try:
                self._runtime.invoke_endpoint(
                    EndpointName=self._endpoint, ContentType=self._content_type, Body=row.encode()
                )
            except ClientError as error:
                self.answers[error.response["Error"]["Code"]] += 1
            except BotoCoreError as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers["ok"] += 1


def rows_of(path: Path) -> list[str]:
    """Return the rows of a batch file as an endpoint gets them: without header and without the row id."""
    return [line.partition(",")[2] for line in path.read_text(encoding="utf-8").splitlines()[1:] if line]


def requests_of(path: Path, fields: int, rows_per_request: int = 10) -> list[str]:
    """Return a file's rows as the bodies of requests: without header, row id and what follows the ``fields`` features."""
    rows = [",".join(row.split(",")[:fields]) for row in rows_of(path)]
    return ["\n".join(rows[start : start + rows_per_request]) for start in range(0, len(rows), rows_per_request)]
