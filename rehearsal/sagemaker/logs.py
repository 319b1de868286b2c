"""Ships what a job or server prints to CloudWatch Logs, with its role's permissions, as the platform does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.host import Host
from rehearsal.sagemaker import roles
from rehearsal.sagemaker.errors import JobFailure

GROUPS = {
    "training": "/aws/sagemaker/TrainingJobs",
    "processing": "/aws/sagemaker/ProcessingJobs",
    "transform": "/aws/sagemaker/TransformJobs",
    "endpoint": "/aws/sagemaker/Endpoints",
}
_BATCH = 5000  # events a call; AWS takes 10,000


class Shipper:
    """Follows a file and ships its lines.

    A role that may not write logs loses them without an error, as in AWS; the file stays.

    Parameters
    ----------
    file
        What the process prints to.
    group, stream
        Where the lines go.
    show
        Makes a line as AWS would show it (see `Container.outside`).
    """

    def __init__(self, host: Host, role_arn: str, file: Path, group: str, stream: str, show: Any) -> None:
        self._host, self._role, self._file = host, role_arn, file
        self.group, self.stream, self._show = group, stream, show
        self._position = 0
        self._ready = False
        self._denied = False

    def ship(self, last: bool = False) -> None:
        """Ship the complete lines that are new; with `last`, an incomplete one as well."""
        with self._file.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        if not last:
            data = data[: data.rfind(b"\n") + 1]
        self._position += len(data)
        lines = [line for line in data.decode(errors="replace").split("\n") if line.strip()]
        shown = [self._show(line) for line in lines]
        for line in shown:
            self._host.emit("log", source=self.stream, line=line)
        if shown and not self._denied:
            self._put(shown)

    def _put(self, lines: list[str]) -> None:
        now = int(self._host.clock.time() * 1000)
        try:
            client = roles.client(self._host, self._role, "logs")
            if not self._ready:
                self._make(client)
            for start in range(0, len(lines), _BATCH):
                events = [{"timestamp": now, "message": line[:250_000]} for line in lines[start : start + _BATCH]]
                client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)
        except (BotoCoreError, ClientError, JobFailure):
            self._denied = True

    def _make(self, client: Any) -> None:
        names = {"logGroupName": self.group, "logStreamName": self.stream}
        try:
            client.create_log_stream(**names)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            client.create_log_group(logGroupName=self.group)
            client.create_log_stream(**names)
        self._ready = True
