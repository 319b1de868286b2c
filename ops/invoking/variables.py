"""``events/env.json``: what each function finds in its environment in a rehearsal, in the format of SAM's ``--env-vars``.

The names, keys and buckets are the deployed ones, the credentials those of the function's own role: a permission that the
role lacks is missing here too.
"""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from muster.errors import NotFound
from ops.invoking.functions import logical_id
from ops.stage import PREFIX, Stage

FILE = Path("events") / "env.json"
Variables = Mapping[str, Mapping[str, str]]
"""Logical id of a function → its variables."""
BESIDE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_USE_FIPS_ENDPOINT",
    "NO_PROXY",
    "POWERTOOLS_TRACE_DISABLED",
)
"""What a function has beside the variables of its template: in Lambda from Lambda, here from the rehearsal."""
_LOCAL = {
    "AWS_USE_FIPS_ENDPOINT": "false",  # botocore refuses FIPS together with an endpoint that is given
    "POWERTOOLS_TRACE_DISABLED": "1",  # there is no X-Ray daemon beside a function that runs by itself
}


def of(stage: Stage) -> dict[str, dict[str, str]]:
    """Return the variables of every function of an installation."""
    rehearsal = stage.rehearsal
    found = {}
    for page in rehearsal.client("lambda").get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            role = rehearsal.host.iam.assume(
                function["Role"], "lambda.amazonaws.com", name, source_arn=function["FunctionArn"]
            )
            found[logical_id(name, PREFIX)] = {
                **function["Environment"]["Variables"],
                **rehearsal.environment(role),
                **_LOCAL,
            }
    return found


def write(variables: Variables) -> None:
    """Write the file; it holds names and credentials of a rehearsal, which are worth nothing elsewhere."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(variables, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def served() -> Variables:
    """Return what the rehearsal that is up has written.

    Raises
    ------
    NotFound
        When none is up.
    """
    advice = "wanted a rehearsal that is up: run `make play` in another terminal"
    if not FILE.is_file():
        raise NotFound(f"events/env.json: found no such file, {advice}")
    variables: Variables = json.loads(FILE.read_text(encoding="utf-8"))
    endpoint = next(iter(variables.values()))["AWS_ENDPOINT_URL"]
    place = urlsplit(endpoint)
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex((str(place.hostname), int(place.port or 0))) != 0:
            raise NotFound(f"events/env.json: found {endpoint}, where nobody answers; {advice}")
    return variables
