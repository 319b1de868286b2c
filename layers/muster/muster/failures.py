"""From the nested JSON of a failed execution to the one line that a person needs.

Step Functions reports a failed job or child execution as ``States.TaskFailed`` with a JSON text in Cause, which may
hold the next one, and so on down to a training script's own message.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["capacity", "job", "input", "permission", "timeout", "other"]

_TOO_MANY_CHILDREN = "States.ExceedToleratedFailureThreshold"
"""Of a Distributed Map; Step Functions says that too many of its children failed, and nothing of why."""
_DEPTH = 12
_LINE_LIMIT = 1000
# Where the next inner cause may be, deepest first: the script's own message before SageMaker's summary of it.
_INNER = ("Cause", "cause", "ExitMessage", "FailureReason", "errorMessage", "ErrorMessage", "Message", "message")
_JOB_STATUSES = ("TrainingJobStatus", "ProcessingJobStatus", "TransformJobStatus")
# How SageMaker and its toolkit wrap a script's message (API Reference: FailureReason; the toolkit's failure file).
_WRAPPING = re.compile(
    r"^(?:AlgorithmError|ClientError|InternalServerError|ExecuteUserScriptError|UserScriptError|FrameworkError)\s*:\s*",
    re.IGNORECASE,
)
# sagemaker-training 4's failure file: ExitCode, ErrorMessage "<end of standard error>", Command "...".
_ERROR_MESSAGE = re.compile(r'ErrorMessage "(.*?)"\s*(?:Command "|$)', re.DOTALL)
_EXIT_CODE = re.compile(r",?\s*exit code:\s*\d+\s*$", re.IGNORECASE)
_EXCEPTION_LINE = re.compile(
    r"^(?:[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Refused|Missing|Overlap|Mismatch)\b.*)$"
)

# What SageMaker reports instead of a script's message: of a training job the command, of a transform job nothing.
_NO_WORDS = re.compile(r'^Command "|^See job logs for more information')
_FAILED_LINE = re.compile(r"^\S+\.py failed\b")
# What the framework's toolkit adds to a log after the script's own words.
_TOOLKIT_LINE = re.compile(
    r"ExecuteUserScriptError|^Command \"|sagemaker-(?:containers|training)\b|Reporting training FAILURE"
)

_CAPACITY = re.compile(
    r"CapacityError|InsufficientInstanceCapacity|InsufficientCapacity|insufficient capacity|no spot capacity"
    r"|Unable to provision requested ML compute capacity|spot (?:instance )?(?:was |has been )?interrupt|^Interrupted$"
    r"|MaxWaitTimeExceeded|ResourceLimitExceeded|resource limits? (?:was |has been |were )?exceeded"
    r"|service limit .* exceeded",
    re.IGNORECASE,
)
_PERMISSION = re.compile(
    r"AccessDenied|not authorized to perform|Access Denied|KMSAccessDenied|Forbidden", re.IGNORECASE
)
_TIMEOUT = re.compile(r"^States\.(?:Timeout|HeartbeatTimeout)$|MaxRuntimeExceeded|Task timed out after", re.IGNORECASE)
_INPUT_ERRORS = frozenset(
    {
        "ContractError",
        "PolicyViolation",
        "NotFound",
        "Refused",
        "DataRefused",
        "Changed",
        "DigestMismatch",
        "HoldoutMissing",
        "HoldoutOverlap",
        "ReportInvalid",
        "ArtifactMissing",
        "ImageUnknown",
    }
)


@dataclass(frozen=True)
class LogPlace:
    """Where a job's own words are: a CloudWatch log group, and what the job's streams begin with."""

    group: str
    stream_prefix: str


@dataclass(frozen=True)
class Explained:
    """The root of a failure: the innermost error's name, its one line, and what kind of trouble it is.

    ``log`` is set when SageMaker kept the script's own message to itself: the XGBoost images' toolkit reports the
    command that failed and nothing that it said (sagemaker_containers 2.8.6 does not capture standard error), a transform
    job that there is a log.
    `with_log` puts the message in when somebody has looked.
    """

    error: str
    cause: str
    kind: Kind
    log: LogPlace | None = None


def explain(error: str | None, cause: str | None) -> Explained:
    """Unwrap a failure down to its root.

    Parameters
    ----------
    error, cause
        What a Catch received; either may be missing.
    """
    name, text, log, seen = " ".join((error or "").split()) or "Unknown", cause or "", None, [error or "", cause or ""]
    for layer in _layers(text):
        name, text, log = layer.error or name, layer.text, layer.log or log
        seen += [layer.error or "", layer.text, layer.status]
    line = _one_line(text) or f"{name} without a message"
    if name == _TOO_MANY_CHILDREN:
        line = _shorten(
            f"{line}: each child's own error is in FAILED_0.json of the Map Run, where its results are in S3"
        )
    kind = _kind(name, seen, job=log is not None)
    if log is None or not _NO_WORDS.match(line):
        return Explained(name, line, kind)
    place = f"{log.group}, {log.stream_prefix}"
    told = f"the script failed and SageMaker does not pass its message on ({line}): see the log {place}"
    return Explained(name, _shorten(told), kind, log)


def with_log(explained: Explained, lines: Sequence[str]) -> Explained:
    """Return the explanation with the script's own last words, as its log has them.

    Parameters
    ----------
    explained
        With ``log`` set.
    lines
        The end of the job's log, oldest line first. Without a line that says anything the explanation stays as it is.
    """
    words = [line.strip() for line in lines if line.strip() and not _TOOLKIT_LINE.search(line)]
    errors = [line for line in words if _EXCEPTION_LINE.match(line) or _FAILED_LINE.match(line)]
    if not words:
        return explained
    return replace(explained, cause=_shorten(errors[-1] if errors else words[-1]), log=None)


@dataclass(frozen=True)
class _Layer:
    error: str | None
    text: str
    log: LogPlace | None
    status: str


def _layers(text: str) -> Iterator[_Layer]:
    """Yield each inner layer of a cause, from the outside in."""
    for _ in range(_DEPTH):
        data = _as_mapping(text)
        if data is None:
            return
        inner = next((str(data[key]) for key in _INNER if data.get(key) not in (None, "")), None)
        log = _log_of(data)
        status = str(data.get("SecondaryStatus") or "")
        name = data.get("Error") or data.get("error") or data.get("errorType") or _job_error(data)
        if inner is None:
            inner = f"the job ended {_status(data)} and gave no reason" if log else ""
        yield _Layer(str(name) if name else None, inner, log, status)
        text = inner


def _as_mapping(text: str) -> Mapping[str, Any] | None:
    """Decode a JSON object, also one that follows some words, as in ``Execution failed: {…}``."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        data, end = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return None
    rest = text[start + end :].strip()
    return data if isinstance(data, Mapping) and data and not rest and start < 200 else None


def _log_of(data: Mapping[str, Any]) -> LogPlace | None:
    """Return where the log of a described job is; None when this describes no job."""
    for kind in ("Training", "Processing", "Transform"):
        if f"{kind}JobStatus" in data:
            return LogPlace(f"/aws/sagemaker/{kind}Jobs", f"{data.get(f'{kind}JobName', '')}/")
    return None


def _status(data: Mapping[str, Any]) -> str:
    return str(next((data[key] for key in _JOB_STATUSES if key in data), "unknown"))


def _job_error(data: Mapping[str, Any]) -> str | None:
    """Name a job's error by the word before the colon of its FailureReason, as SageMaker writes it."""
    if not any(key in data for key in _JOB_STATUSES):
        return None
    if _status(data) == "Stopped":
        return str(data.get("SecondaryStatus") or "Stopped")
    reason = str(data.get("FailureReason") or "")
    word = reason.partition(":")[0]
    return word if re.fullmatch(r"[A-Za-z]+Error", word) else "JobFailed"


def _one_line(text: str) -> str:
    """Return the line that says what went wrong: of a traceback the exception, without SageMaker's wrapping."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    text = text.replace("\\n", "\n").replace('\\"', '"')
    quoted = _ERROR_MESSAGE.search(text)
    if quoted and quoted[1].strip():
        text = quoted[1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    exceptions = [line for line in lines if _EXCEPTION_LINE.match(_unquoted(line)) and not _WRAPPING.fullmatch(line)]
    traceback = any(line.startswith("Traceback (most recent call last)") for line in lines)
    line = exceptions[-1] if traceback and exceptions else lines[0] if len(lines) == 1 else " ".join(lines)
    return _shorten(_without_wrapping(line))


def _unquoted(line: str) -> str:
    return re.sub(r'^(?:ErrorMessage\s*)?"', "", line)


def _without_wrapping(line: str) -> str:
    line = _EXIT_CODE.sub("", line)
    while True:
        shorter = _unquoted(_WRAPPING.sub("", line)).strip()
        if shorter == line or not shorter:
            break
        line = shorter
    return line.rstrip('"').strip()


def _shorten(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= _LINE_LIMIT else line[: _LINE_LIMIT - 1] + "…"


def _kind(name: str, seen: list[str], job: bool) -> Kind:
    """Classify by the names and texts of all layers.

    Capacity comes first: a spot interruption is reported as a failed job, and a quota under the name of any SageMaker
    error.
    """
    if any(_CAPACITY.search(each) for each in seen):
        return "capacity"
    if any(_PERMISSION.search(each) for each in seen):
        return "permission"
    if any(_TIMEOUT.search(each) for each in seen):
        return "timeout"
    if name in _INPUT_ERRORS or name.rpartition(".")[2] == "ValidationException":
        return "input"
    return "job" if job else "other"
