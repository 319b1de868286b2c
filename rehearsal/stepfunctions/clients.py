"""AWS calls of an execution go to this rehearsal, with credentials of the execution's role.

moto calls localhost on a port from the environment, with a new client per call and keys that belong to nobody.
"""

from __future__ import annotations

from typing import Any

from rehearsal.patching import replace_everywhere
from rehearsal.stepfunctions.runtime import current


def install() -> None:
    """Replace the function that makes clients, wherever it has been imported to."""
    from moto.stepfunctions.parser.asl.utils import boto_client

    replace_everywhere(boto_client, "boto_client_for", client_for, ("region", "service", "state_credentials"))


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    """Return a client that acts as the role in `state_credentials`."""
    role = state_credentials.role_arn if state_credentials is not None else None
    return current().client(service, region, role)
