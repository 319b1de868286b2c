"""What every Lambda function shares: logger, tracer, settings from the environment, and the frame around a handler.

Logs carry ids and digests, never the payload: Powertools' event logging stays off. Nothing here knows where it runs.
"""

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

from muster.aws.clients import translated
from muster.contracts.base import Contract
from muster.errors import ContractError, MusterError
from muster.settings import Settings

logger = Logger()
tracer = Tracer()

Event = dict[str, Any]
Handler = Callable[[Event, LambdaContext], dict[str, Any]]

# Identifiers that make log lines findable; every one is neutral (no names of data, no values).
_LOGGED = (
    "run",
    "execution_arn",
    "model",
    "package_arn",
    "model_package_arn",
    "evidence_digest",
    "endpoint",
    "workflow",
)


def entry(work: Callable[[Event], Contract | Mapping[str, Any]]) -> Handler:
    """Make a Lambda handler of a function that takes the event and returns a contract or JSON data.

    Adds the logger's context, the trace, and the translation of passing AWS faults into ``muster.errors.Transient``.
    Muster's errors go through unchanged: their class name is what the state machine's Retry and Catch see.
    """

    @logger.inject_lambda_context(clear_state=True)
    @tracer.capture_lambda_handler(capture_response=False)
    @functools.wraps(work)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Powertools reads it
        logger.append_keys(**_identifiers(event))
        try:
            with translated():
                answer = work(event)
        except MusterError as error:
            logger.warning("refused", extra={"error": type(error).__name__, "reason": str(error)})
            raise
        result = answer.payload() if isinstance(answer, Contract) else dict(answer)
        logger.info("done", extra={"answer": {key: result[key] for key in _OUTCOMES if key in result}})
        return result

    return cast(Handler, handler)


# Members of results that are verdicts; figures and texts of people stay out of the log.
_OUTCOMES = (
    "status",
    "outcome",
    "verdict",
    "decision",
    "moved",
    "kind",
    "settled",
    "mended",
    "evidence_digest",
    "package_arn",
)


def _identifiers(event: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    places = [
        event,
        *(
            event[key]
            for key in ("run", "request", "claim", "plan", "registered", "detail", "watched", "nightly")
            if key in event
        ),
    ]
    for place in places:
        if isinstance(place, Mapping):
            found.update({key: place[key] for key in _LOGGED if isinstance(place.get(key), str)})
    return found


_TEXTS = {
    "prefix": "MUSTER_PREFIX",
    "data_bucket": "MUSTER_DATA_BUCKET",
    "records_bucket": "MUSTER_RECORDS_BUCKET",
    "evidence_bucket": "MUSTER_EVIDENCE_BUCKET",
    "work_bucket": "MUSTER_WORK_BUCKET",
    "capture_bucket": "MUSTER_CAPTURE_BUCKET",
    "ledger_table": "MUSTER_LEDGER_TABLE",
    "topic_arn": "MUSTER_TOPIC_ARN",
    "event_bus": "MUSTER_EVENT_BUS",
    "data_key_arn": "MUSTER_DATA_KEY_ARN",
    "models_key_arn": "MUSTER_MODELS_KEY_ARN",
    "evidence_key_arn": "MUSTER_EVIDENCE_KEY_ARN",
    "ledger_key_arn": "MUSTER_LEDGER_KEY_ARN",
    "job_role_arn": "MUSTER_JOB_ROLE_ARN",
    "endpoint_role_arn": "MUSTER_ENDPOINT_ROLE_ARN",
}
_LISTS = {
    "subnets": "MUSTER_SUBNETS",
    "security_groups": "MUSTER_SECURITY_GROUPS",
    "machine_roles": "MUSTER_MACHINE_ROLES",
}
ENVIRONMENT = (*_TEXTS.values(), *_LISTS.values(), "MUSTER_OBJECT_LOCK", "MUSTER_OBJECT_LOCK_DAYS", "AWS_REGION")
"""Every variable that the functions read; the templates set all of them, Lambda itself sets AWS_REGION."""


def settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the installation's names from the environment.

    Raises
    ------
    ContractError
        Names every variable that is missing or wrong.
    """
    env = os.environ if environment is None else environment
    missing = [name for name in ENVIRONMENT if not env.get(name)]
    if missing:
        raise ContractError(f"environment: found no {', '.join(missing)}, wanted all of the stack's MUSTER_ variables")
    parts = env["MUSTER_TOPIC_ARN"].split(":")
    if len(parts) != 6:
        raise ContractError(f"MUSTER_TOPIC_ARN: found {env['MUSTER_TOPIC_ARN']!r}, wanted the ARN of an SNS topic")
    values: dict[str, Any] = {field: env[name] for field, name in _TEXTS.items()}
    for field, name in _LISTS.items():
        values[field] = tuple(each.strip() for each in env[name].split(",") if each.strip())
    return Settings(
        partition=parts[1],
        region=env["AWS_REGION"],
        account=parts[4],
        object_lock=_lock_mode(env["MUSTER_OBJECT_LOCK"]),
        object_lock_days=_lock_days(env["MUSTER_OBJECT_LOCK_DAYS"]),
        **values,
    )


def _lock_mode(value: str) -> Literal["none", "governance", "compliance"]:
    if value not in ("none", "governance", "compliance"):
        raise ContractError(f"MUSTER_OBJECT_LOCK: found {value!r}, wanted none, governance or compliance")
    return cast(Literal["none", "governance", "compliance"], value)


def _lock_days(value: str) -> int:
    if not value.isdigit():
        raise ContractError(f"MUSTER_OBJECT_LOCK_DAYS: found {value!r}, wanted a whole number of days")
    return int(value)


def own_members(data: object) -> object:
    """Return an execution's input without the member by which Step Functions links a child to its parent."""
    if not isinstance(data, Mapping):
        return data
    return {key: value for key, value in data.items() if key != "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"}
