"""Where an installation's things are: read once from the parameter that the root template writes."""

import json
import os
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from muster.errors import NotFound


@dataclass(frozen=True)
class Installation:
    """The names of one installation, and the AWS session of the person who uses it."""

    prefix: str
    environment: str
    region: str
    account: str
    partition: str
    buckets: dict[str, str]
    ledger: str
    topic: str
    bus: str
    keys: dict[str, str]
    object_lock: str
    object_lock_days: int
    state_machines: dict[str, str]
    session: boto3.Session

    def client(self, service: str) -> Any:
        """Return a client of the person's session."""
        return self.session.client(service, region_name=self.region)  # type: ignore[call-overload]

    @cached_property
    def caller(self) -> str:
        """ARN of the person who uses the command (STS GetCallerIdentity)."""
        return str(self.client("sts").get_caller_identity()["Arn"])


def find(prefix: str, session: boto3.Session | None = None) -> Installation:
    """Read the settings of an installation.

    Raises
    ------
    NotFound
        When there is no such installation in the account and region, or no access to it, or when its settings lack
        what this version of the command needs.
    """
    session = session or boto3.Session(region_name=os.environ.get("AWS_REGION"))  # boto3 knows AWS_DEFAULT_REGION only
    name = f"/{prefix}/settings"
    try:
        value = session.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
    except (ClientError, BotoCoreError) as error:
        raise NotFound(
            f"parameter {name}: {error}; wanted an installation of Muster with prefix {prefix!r} in the account and region "
            "of your AWS credentials: set AWS_PROFILE and AWS_REGION, or name another with --prefix"
        ) from error
    settings = json.loads(value)
    wanted = {each.name for each in fields(Installation)} - {"session"}
    missing = ", ".join(sorted(wanted - settings.keys()))
    if missing:
        raise NotFound(f"parameter {name}: found no {missing}; the templates are older than this command: deploy first")
    # What a newer version's templates have added is none of this version's business.
    return Installation(session=session, **{key: settings[key] for key in wanted})
