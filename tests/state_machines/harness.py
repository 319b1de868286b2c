"""Runs a rendered workflow, and holds what every run of every test has to keep.

Each call to AWS is checked against AWS's own service model, each call of a function against that function's own input
contract, each payload against its size limit; and no run ends by a mistake in the definition. What the runs take is counted
(`coverage_table`).
"""

import importlib
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from checks.examples import SETTINGS, substitution
from checks.payloads import size
from checks.requests import api_of, as_request
from checks.shapes import problems
from muster.contracts.base import Contract, parse
from muster.contracts.pipeline import Execution, PipelineRequest
from rehearsal.coverage import Coverage
from rehearsal.interpreter import Call, Script, TaskFailure, Trace, run
from state_machines import WORKFLOWS as WORKFLOWS
from state_machines.limits import PAYLOAD_BYTES

FOLDER = Path(__file__).resolve().parents[2] / "state_machines"

COVERAGE: dict[str, Coverage] = {}


@cache
def definition(workflow: str) -> dict[str, Any]:
    """The committed definition."""
    return json.loads((FOLDER / f"{workflow}.asl.json").read_text(encoding="utf-8"))


def placeholders(workflow: str) -> set[str]:
    """Names of the substitutions that a definition uses."""
    return set(re.findall(r"\$\{([A-Za-z0-9_]+)\}", json.dumps(definition(workflow))))


def execute(workflow: str, input_: Any, integrations: Script | Mapping[str, Any]) -> Trace:
    """Run a workflow to its end, check every call, and keep the run."""
    if isinstance(integrations, Mapping):
        integrations = {"ExplainFailure": explained, "ExplainSpotFailure": explained, **integrations}
    substitutions = {name: substitution(name) for name in placeholders(workflow)}
    here = f"arn:{SETTINGS.partition}:states:{SETTINGS.region}:{SETTINGS.account}"
    context = {
        "Execution": {"Id": f"{here}:execution:{SETTINGS.prefix}-{workflow}:one", "Name": "one", "Input": input_},
        "StateMachine": {"Id": f"{here}:stateMachine:{SETTINGS.prefix}-{workflow}", "Name": f"muster-{workflow}"},
    }
    trace = run(definition(workflow), input_, integrations, substitutions, context)
    COVERAGE.setdefault(workflow, Coverage(workflow, definition(workflow))).add(trace)
    # States.Runtime is what a path that leads nowhere ends with; no catch sees it.
    assert not {error for _, error, _ in trace.failures} & {"States.Runtime", "States.NoChoiceMatched"}, trace.failures
    assert trace.status in ("SUCCEEDED", "FAILED")
    for call in trace.calls:
        check(call)
    for visit in trace.visits:
        assert visit.bytes < PAYLOAD_BYTES, f"{visit.state}: {visit.bytes} bytes"
    return trace


def check(call: Call) -> None:
    """A call is a valid request to AWS or a valid event of its function, and small."""
    assert size(call.parameters) < PAYLOAD_BYTES, f"{call.state}: {size(call.parameters)} bytes"
    request = aws_request(call)
    if request is not None:
        found = problems(*request)
        assert not found, f"{call.state}: {found}"
    event = function_payload(call)
    if event is not None:
        parse(input_contract(event[0]), event[1], f"{call.state}: {event[0]}")


class RequestAndExecution(Contract):
    """What resolve_request reads of its event; it has no name for the two together."""

    request: PipelineRequest
    execution: Execution


@cache
def input_contract(function: str) -> type[Contract]:
    """What a function takes: its module's ``Input``."""
    module = importlib.import_module(f"functions.{function}.app")
    return RequestAndExecution if function == "resolve_request" else module.Input


def aws_request(call: Call) -> tuple[str, str, dict[str, Any]] | None:
    """Service, operation and parameters of a call, as botocore spells them; None for a function called by its ARN."""
    api = api_of(
        call.resource if call.resource.startswith("arn:") else f"arn:{SETTINGS.partition}:states:::{call.resource}"
    )
    return None if api is None else (*api, as_request(*api, call.parameters))


def function_payload(call: Call) -> tuple[str, dict[str, Any]] | None:
    """Folder of the function that a call invokes, and the event it gets; None for other calls."""
    arn = call.parameters.get("FunctionName", "") if "lambda:" in call.resource else ""
    if not arn:
        return None
    return re.sub(r"(?<!^)(?=[A-Z])", "_", arn.rpartition(":")[2]).lower(), call.parameters["Payload"]


def transitions(trace: Trace) -> int:
    """State transitions as AWS counts them: every state entered, and every retry."""
    return len(trace.visits) + len(trace.retries)


def function_calls(trace: Trace) -> int:
    """Lambda invocations of a run."""
    return sum(function_payload(call) is not None for call in trace.calls)


def after(failures: list[TaskFailure], outcome: Any) -> Callable[[Mapping[str, Any]], Any]:
    """A scripted task that fails first, once for each of `failures`, and then does as `outcome` says."""
    left, later = list(failures), iter(outcome) if isinstance(outcome, list) else None

    def answer(parameters: Mapping[str, Any]) -> Any:
        if left:
            return left.pop(0)
        if later is not None:
            return next(later)
        return outcome(parameters) if callable(outcome) else outcome

    return answer


def broken(error: str = "Boom", cause: str = "it broke") -> TaskFailure:
    """A fault that no retry is for."""
    return TaskFailure(error, cause)


def explained(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What explain_failure answers, near enough: error and cause as they came."""
    event = parameters["Payload"]
    return {"error": event["error"], "cause": f"because {event['cause']}", "kind": "other"}
