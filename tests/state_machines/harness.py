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

from muster.contracts.base import Contract, parse
from muster.contracts.pipeline import Execution, PipelineRequest
from rehearsal.coverage import Coverage
from rehearsal.interpreter import Call, Script, TaskFailure, Trace, run
from tests.unit.aws_shapes import problems
from tests.unit.samples import SETTINGS

FOLDER = Path(__file__).resolve().parents[2] / "state_machines"
WORKFLOWS = ("pipeline", "training", "evaluation", "registration", "approval", "deployment", "rollback", "retraining")
PAYLOAD_BYTES = 32 * 1024

COVERAGE: dict[str, Coverage] = {}


@cache
def definition(workflow: str) -> dict[str, Any]:
    """The committed definition."""
    return json.loads((FOLDER / f"{workflow}.asl.json").read_text(encoding="utf-8"))


def placeholders(workflow: str) -> set[str]:
    """Names of the substitutions that a definition uses."""
    return set(re.findall(r"\$\{([A-Za-z0-9_]+)\}", json.dumps(definition(workflow))))


def substitution(name: str) -> str:
    """What the template puts in for a name."""
    here = f"{SETTINGS.region}:{SETTINGS.account}"
    fixed = {
        "Partition": SETTINGS.partition,
        "Prefix": SETTINGS.prefix,
        "EventBusName": SETTINGS.event_bus,
        "JobRoleArn": SETTINGS.job_role_arn,
        "EndpointRoleArn": SETTINGS.endpoint_role_arn,
        "ModelsKeyArn": SETTINGS.models_key_arn,
        "DataKeyArn": SETTINGS.data_key_arn,
    }
    if name in fixed:
        return fixed[name]
    if name.endswith("FunctionArn"):
        return f"arn:{SETTINGS.partition}:lambda:{here}:function:{name.removesuffix('FunctionArn')}"
    if name.endswith("StateMachineArn"):
        workflow = name.removesuffix("StateMachineArn").lower()
        return f"arn:{SETTINGS.partition}:states:{here}:stateMachine:{SETTINGS.prefix}-{workflow}"
    raise LookupError(f"substitution {name}: the template gives no such value")


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
    return trace


def check(call: Call) -> None:
    """A call is a valid request to AWS or a valid event of its function, and small."""
    size = len(json.dumps(call.parameters).encode())
    assert size < PAYLOAD_BYTES, f"{call.state}: {size} bytes"
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
    if call.resource.startswith("arn:"):
        return None
    *_, service, action = call.resource.partition(".")[0].split(":")
    operation = action[0].upper() + action[1:]
    parameters = dict(call.parameters)
    if service == "lambda":
        return None
    if service == "states":  # this service spells its members with a small letter
        parameters = {name[0].lower() + name[1:]: value for name, value in parameters.items()}
        parameters["input"] = json.dumps(parameters["input"])
        return "stepfunctions", operation, parameters
    if service == "events":  # the integration takes the detail as JSON
        entries = [{**entry, "Detail": json.dumps(entry["Detail"])} for entry in parameters["Entries"]]
        return service, operation, {**parameters, "Entries": entries}
    return service, operation, parameters


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
