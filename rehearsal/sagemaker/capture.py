"""Data capture: requests and answers as JSON lines in S3, in the form of SageMaker's.

Place and record: "Capture data from real-time endpoint", developer guide:
``<destination>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>.jsonl``, records with captureData and eventMetadata. Without a
CaptureContentTypeHeader every body is base64 (API reference, DataCaptureConfig).
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.host import current
from rehearsal.sagemaker import roles, s3
from rehearsal.sagemaker.errors import JobFailure
from rehearsal.sagemaker.fleet import Answer, Fleet

#: Seconds of rehearsal time after which captured records are in S3 at the latest, and records of one file at most.
DELAY, SIZE = 60.0, 1000


@dataclass
class _Batch:
    """Records of one fleet and one hour that are not in S3 yet."""

    fleet: Fleet
    began: datetime
    lines: list[str] = field(default_factory=list)
    timer: Any = None


_lock = threading.Lock()
_batches: dict[tuple[str, str, str, str], _Batch] = {}


def _part(mode: str, kind: str | None, body: bytes, header: dict[str, list[str]]) -> dict[str, str]:
    media = (kind or "").split(";")[0].strip()
    encoding = "BASE64"
    for member, name in (("CsvContentTypes", "CSV"), ("JsonContentTypes", "JSON")):
        if media in header.get(member, []):
            encoding = name
    try:
        data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
    except UnicodeDecodeError:
        encoding, data = "BASE64", base64.b64encode(body).decode()
    return {"observedContentType": kind or "", "mode": mode, "data": data, "encoding": encoding}


def enabled(config: dict[str, Any]) -> bool:
    """Whether a DataCaptureConfig captures: EnableCapture "defaults to enabled" (API reference)."""
    return bool(config) and config.get("EnableCapture", True)


def record(fleet: Fleet, chance: float, headers: dict[str, str], body: bytes, answer: Answer) -> None:
    """Capture one request and its answer, if the endpoint configuration asks for it.

    Parameters
    ----------
    chance
        A number from 0 to 1: the request is sampled when it is below the sampling percentage.
    headers
        ``Content-Type`` of the request, and ``inference_id`` when the caller gave one.
    """
    config = fleet.config.request.get("DataCaptureConfig", {})
    if not enabled(config) or chance * 100 >= config["InitialSamplingPercentage"]:
        return
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    header = config.get("CaptureContentTypeHeader", {})
    captured = {}
    if modes & {"Input", "InputAndOutput"}:
        captured["endpointInput"] = _part("INPUT", headers.get("Content-Type"), body, header)
    if modes & {"Output", "InputAndOutput"}:
        captured["endpointOutput"] = _part("OUTPUT", answer.kind, answer.body, header)
    now = fleet.host.clock.now()
    metadata = {"eventId": str(uuid.uuid4())}
    if headers.get("inference_id"):
        metadata["inferenceId"] = headers["inference_id"]
    metadata["inferenceTime"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    line = json.dumps({"captureData": captured, "eventMetadata": metadata, "eventVersion": "0"}, separators=(",", ":"))
    _keep(fleet, now, line)


def _keep(fleet: Fleet, now: datetime, line: str) -> None:
    key = (fleet.endpoint, fleet.config.name, fleet.name, now.strftime("%Y/%m/%d/%H"))
    full = None
    with _lock:
        batch = _batches.get(key)
        if batch is None:
            batch = _batches[key] = _Batch(fleet, now)
            batch.timer = fleet.host.clock.call_later(DELAY, lambda: _close(key))
        batch.lines.append(line)
        if len(batch.lines) >= SIZE:
            full = _batches.pop(key)
    if full is not None:
        _write(key, full)


def _close(key: tuple[str, str, str, str]) -> None:
    with _lock:
        batch = _batches.pop(key, None)
    if batch is not None:
        _write(key, batch)


def _write(key: tuple[str, str, str, str], batch: _Batch) -> None:
    batch.timer.cancel()
    fleet, config = batch.fleet, batch.fleet.config.request["DataCaptureConfig"]
    endpoint, _, variant, hour = key
    name = f"{batch.began.strftime('%M-%S-')}{batch.began.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
    uri = f"{config['DestinationS3Uri'].rstrip('/')}/{endpoint}/{variant}/{hour}/{name}"
    body = "".join(f"{line}\n" for line in batch.lines).encode()
    try:
        transfers = s3.Transfers(roles.client(fleet.host, fleet.role, "s3"), config.get("KmsKeyId"))
        transfers.upload_bytes(body, uri, ContentType="application/json")
    except (BotoCoreError, ClientError, JobFailure) as error:
        # As in AWS the endpoint goes on serving and the records are lost; the log and the listeners are told.
        with fleet.container.log.open("a") as file:
            file.write(f"data capture: {len(batch.lines)} records lost: {error}\n")
        fleet.host.emit("capture_lost", endpoint=endpoint, records=len(batch.lines), reason=str(error))


def flush(endpoint: str | None = None) -> None:
    """Write what is captured and not yet in S3 now: of one endpoint, or of all."""
    with _lock:
        keys = [key for key in _batches if endpoint in (None, key[0])]
    with current().clock.busy():
        for key in keys:
            _close(key)


def forget() -> None:
    """Drop all that is not written (the rehearsal stops)."""
    with _lock:
        _batches.clear()
