"""Messages to people by SNS: plain text with the digest, the place of the report, and the exact commands.

A message carries no link that acts and no token: an answer is given under the person's own AWS identity.
"""

import json

from muster.approval import approval_description
from muster.aws.clients import Client, client
from muster.contracts.base import iso
from muster.contracts.pipeline import PendingApproval
from muster.naming import state_machine_arn
from muster.settings import Settings

_SUBJECT_LIMIT = 100
"""Characters of an SNS subject (SNS API reference, Publish): ASCII, no line breaks."""


class Notifications:
    """Publishes to the installation's topic."""

    def __init__(self, sns: Client, settings: Settings) -> None:
        self._sns = sns
        self._settings = settings

    @classmethod
    def of(cls, settings: Settings) -> "Notifications":
        """Return the notifications of an installation."""
        return cls(client("sns"), settings)

    def approval_wanted(self, approval: PendingApproval, report_uri: str | None = None) -> None:
        """Ask for an answer."""
        self._publish(
            f"Muster: {approval.model} waits for approval", approval_text(approval, self._settings, report_uri)
        )

    def approval_refused(self, approval: PendingApproval, reason: str) -> None:
        """Tell that an approval was not accepted, and why."""
        lines = [
            f"An approval of model {approval.model} was refused: {reason}.",
            "",
            f"Package          {approval.package_arn}",
            f"Evidence digest  {approval.evidence_digest}",
            "",
            "The package is Rejected in the registry. Another person may still approve it until "
            f"{iso(approval.expires_at)}.",
        ]
        self._publish(f"Muster: an approval of {approval.model} was refused", "\n".join(lines))

    def retraining_escalated(self, model: str, why: str) -> None:
        """Tell that retraining a model led to nothing, and that none starts by itself any more."""
        self._publish(f"Muster: retraining of {model} needs a person", escalation_text(model, why, self._settings))

    def _publish(self, subject: str, message: str) -> None:
        self._sns.publish(TopicArn=self._settings.topic_arn, Subject=subject[:_SUBJECT_LIMIT], Message=message)


def approval_text(approval: PendingApproval, settings: Settings, report_uri: str | None = None) -> str:
    """Return the message that asks for an answer."""
    arn, digest = approval.package_arn, approval.evidence_digest
    description = approval_description(digest, "<your reason>")
    update = f"aws sagemaker update-model-package --region {settings.region} --model-package-arn {arn}"
    lines = [
        f"A new version of model {approval.model} has passed its evaluation and waits for an answer until "
        f"{iso(approval.expires_at)}.",
        "",
        f"Package          {arn}",
        f"Evidence digest  {digest}",
        f"Evidence         {approval.evidence_uri}",
        *([f"Report           {report_uri}"] if report_uri else []),
        f"Published by     {approval.publisher}",
        "",
        "Read the report, then answer with one of:",
        "",
        f"  muster approve {arn} --digest {digest} --reason '<your reason>' --prefix {settings.prefix}",
        f"  muster reject {arn} --reason '<your reason>' --prefix {settings.prefix}",
        "",
        "or with the AWS CLI:",
        "",
        f"  {update} --model-approval-status Approved --approval-description '{description}'",
        f"  {update} --model-approval-status Rejected --approval-description '{description}'",
        "",
        "You must be neither the person who started the run nor the one who published the code.",
    ]
    return "\n".join(lines)


def escalation_text(model: str, why: str, settings: Settings) -> str:
    """Return the message that hands a model's retraining over to a person."""
    request = json.dumps({"model": model, "cause": "manual", "reason": "<your reason>", "force": True})
    machine = state_machine_arn(settings, "retraining")
    lines = [
        f"Retraining model {model} led to nothing: {why}.",
        "",
        "Nothing retrains this model by itself until a person has started it, or another model is deployed. Find out "
        "what went wrong, put new labelled data if that is what it lacks, then start it:",
        "",
        f"  aws stepfunctions start-execution --region {settings.region} --state-machine-arn {machine} "
        f"--input '{request}'",
        "",
        '"force" skips the cooldown and the need of new data; leave it out where both are met.',
    ]
    return "\n".join(lines)
