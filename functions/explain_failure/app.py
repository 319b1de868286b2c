"""Unwraps a failure down to its root, so that the training script's own message reaches the person.

``{error, cause, workflow, execution_arn} -> {error, cause, kind}``
"""

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ConfigDict

from muster import failures
from muster.aws.job_logs import JobLogs
from muster.contracts.base import Contract, parse
from muster.runtime import Event, entry, logger


class Input(Contract):
    """The function's event. A fault without error or cause is explained as such: this function must not fail."""

    model_config = ConfigDict(extra="ignore")

    error: str | None = None
    cause: str | None = None
    workflow: str | None = None
    execution_arn: str | None = None


@entry
def handler(event: Event) -> dict[str, str]:
    """Explain."""
    given = parse(Input, event, "explain_failure")
    found = failures.explain(given.error, given.cause)
    place = found.log
    if place is not None:
        try:
            found = failures.with_log(found, JobLogs().tail(place))
        except (ClientError, BotoCoreError) as error:
            # What is known already says where the log is: an explanation must not fail for want of a better one.
            logger.warning("log not read", extra={"group": place.group, "reason": str(error)})
    logger.error("failed", extra={"error": found.error, "kind": found.kind})
    return {"error": found.error, "cause": found.cause, "kind": found.kind}
