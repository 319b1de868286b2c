"""An installation of Muster in a rehearsal, with people who have the stacks' own managed policies and nothing more.

What stands here is what a customer does around Muster: a network, roles for people, and a checkout to publish from. Everything
else is created from the SAM templates.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3

from ops.installation import Installation, find
from rehearsal import Rehearsal, sagemaker
from rehearsal.host import OWN_ACCESS_KEY, OWN_SECRET_KEY
from rehearsal.server import LOOPBACK

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "muster"
ROLES = {
    "Scientist": ("PublisherPolicyArn", "StarterPolicyArn"),
    "Steward": ("StewardPolicyArn",),
    "Approver": ("ApproverPolicyArn",),
    "Operator": ("OperatorPolicyArn",),
    "Cleaner": ("CleanerPolicyArn",),
}
"""Roles of a programme's people, and which of the templates' policies each has."""


def reference_model() -> Path:
    """Return the folder of the model that shows Muster: the one that brings what goes wrong in the demo."""
    return next(path.parent for path in sorted((ROOT / "models").glob("*/demo")))


@dataclass
class Stage:
    """A running installation; use it as a context manager.

    Parameters
    ----------
    factor
        How many seconds pass per real second while everything waits.
    on_event
        Called with what the rehearsal reports while it runs, such as log lines of jobs.
    address
        Where the rehearsal listens.
    """

    factor: float = 60.0
    environment: str = "dev"
    on_event: Callable[[dict[str, Any]], None] | None = None
    address: str = LOOPBACK
    rehearsal: Rehearsal = field(init=False)
    outputs: dict[str, str] = field(init=False, default_factory=dict)
    checkout: Path = field(init=False)
    _given: dict[str, str] = field(init=False, default_factory=dict)

    def __enter__(self) -> "Stage":
        self.rehearsal = Rehearsal(ROOT, factor=self.factor, address=self.address, on_event=self.on_event).start()
        # The SDKs' own way to another endpoint: what a person would export.
        os.environ["AWS_ENDPOINT_URL"] = self.rehearsal.endpoint
        sagemaker.warm_up()
        try:
            self.checkout = Path(tempfile.mkdtemp(prefix="checkout-", dir=self.rehearsal.host.workdir))
            self._given = self._parameters()
            self.deploy(ROOT / "template.yaml")
            self._hire()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.environ.pop("AWS_ENDPOINT_URL", None)
        self.rehearsal.stop()

    def deploy(self, template: Path) -> None:
        """Deploy a root template with this installation's parameters: to begin with, and over what is there."""
        self.outputs = self.rehearsal.deploy(template, self._given)

    def as_(self, person: str, role: str) -> Installation:
        """Return the installation as a person sees it under one of their roles."""
        credentials = self.rehearsal.person(person, role)
        return find(PREFIX, self._session(credentials))

    def everything(self) -> Installation:
        """Return the installation with unrestricted credentials: for looking, never for acting in somebody's place."""
        return find(
            PREFIX, self._session({"AWS_ACCESS_KEY_ID": OWN_ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": OWN_SECRET_KEY})
        )

    def commit(self, *folders: Path) -> Path:
        """Commit a model's folder, with later folders laid over it, to a checkout of its own, and return its place there.

        `publish` takes committed code only; the person's own checkout is left alone.
        """
        name = folders[0].name
        target = self.checkout / name
        shutil.rmtree(target, ignore_errors=True)
        for folder in folders:
            shutil.copytree(
                folder, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "data", "demo")
            )
        for command in (
            ["init", "-q"],
            ["add", "-A"],
            [*_AUTHOR, "commit", "-q", "--allow-empty", "-m", f"{name}: rehearsed"],
        ):
            subprocess.run(["git", "-C", str(self.checkout), *command], check=True, capture_output=True)
        return target

    def _parameters(self) -> dict[str, str]:
        ec2 = self.rehearsal.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"{self.rehearsal.host.region}{zone}"
            )
            for index, zone in enumerate("ab")
        ]
        group = ec2.create_security_group(VpcId=vpc, GroupName="jobs", Description="Functions, jobs and endpoints")
        return {
            "Prefix": PREFIX,
            "Environment": self.environment,
            "SubnetIds": ",".join(each["Subnet"]["SubnetId"] for each in subnets),
            "SecurityGroupIds": group["GroupId"],
        }

    def _hire(self) -> None:
        iam, host = self.rehearsal.client("iam"), self.rehearsal.host
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:{host.partition}:iam::{host.account}:root"},
                    "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
                }
            ],
        }
        for role, policies in ROLES.items():
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
            for policy in policies:
                if policy not in self.outputs:  # nobody cleans elsewhere than in dev
                    continue
                iam.attach_role_policy(RoleName=role, PolicyArn=self.outputs[policy])

    def _session(self, credentials: dict[str, str]) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
            region_name=self.rehearsal.host.region,
        )


_AUTHOR = ["-c", "user.name=rehearsal", "-c", "user.email=rehearsal@muster.invalid", "-c", "commit.gpgsign=false"]
