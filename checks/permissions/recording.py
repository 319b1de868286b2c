"""What each principal has asked for in rehearsals: collected from the end-to-end tests, kept in ``recorded.json``.

Kept are patterns, not calls: what AWS invents and what differs from run to run (digests, run ids, models) is left out,
and account, region, partition and prefix are written as in the templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from checks.permissions.application import PREFIX, Application
from checks.permissions.granted import principals
from checks.permissions.needed import Need
from rehearsal.host import ACCOUNT, PARTITION, REGION
from rehearsal.record import Record

FILE = Path(__file__).with_name("recorded.json")
COMMAND = "python -m checks.permissions --record"
Recorded = dict[str, dict[str, list[str]]]
"""Principal -> action (for the use of a key, ``<action> via <service>``) -> patterns of resources."""

_PLACES = {
    ACCOUNT: "${AWS::AccountId}",
    REGION: "${AWS::Region}",
    PARTITION: "${AWS::Partition}",
}

#: What of a resource's name differs from run to run, by service: pattern of the ARN's last part -> what is kept.
_VARIES: dict[str, tuple[tuple[str, str], ...]] = {
    "cloudwatch": ((rf"alarm:{PREFIX}-.+", f"alarm:{PREFIX}-*"),),
    "ec2": ((r"(subnet|security-group)/.+", r"\1/*"),),
    "logs": (
        (rf"(log-group:/aws/sagemaker/Endpoints/){PREFIX}-.+", rf"\1{PREFIX}-*"),
        (r"(log-group:[^:]+):.*", r"\1:*"),
    ),
    "s3": (
        (r"([^/]+/monitoring)/[0-9a-f]{20}/(batches\.json)", r"\1/*/\2"),
        (r"([^/]+/monitoring)/[0-9a-f]{20}/(map|sample|attributions)/.+", r"\1/*/\2/*"),
        (r"([^/]+/raw)/[^/]+/batch/.+", r"\1/*/batch/*"),
        (r"([^/]+/runs)/[0-9a-f]{20}/(nightly|predict)/.+", r"\1/*/\2/*"),
        (r"([^/]+/[^/]+)/.+", r"\1/*"),
    ),
    "sagemaker": (
        (r"([a-z-]+)/[0-9a-f]{20}-(\w+)-[0-9a-f]{32}", r"\1/*-\2-*"),
        (rf"(model-package)/{PREFIX}-[^/]+/.+", rf"\1/{PREFIX}-*/*"),
        (rf"([a-z-]+)/{PREFIX}-.+", rf"\1/{PREFIX}-*"),
    ),
    "states": ((r"(execution:[^:]+):.+", r"\1:*"),),
}


_NAMED_BY_AWS = (
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
)


def pattern(resource: str) -> str:
    """Return what stays the same of an ARN from run to run.

    Examples
    --------
    >>> pattern("arn:aws-us-gov:s3:::RecordsBucket/specs/0a1b/spec.json")
    'arn:aws-us-gov:s3:::RecordsBucket/specs/*'
    """
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return resource
    if parts[4] not in ("", ACCOUNT):
        parts[4] = "*"  # AWS's own image registries
    for varies, kept in _VARIES.get(parts[2], ()):
        if re.fullmatch(varies, parts[5]):
            parts[5] = re.sub(varies, kept, parts[5])
            break
    return ":".join(parts)


def invented(application: Application, record: Record) -> dict[str, str]:
    """Return the names that AWS has given to resources of a rehearsal -> their logical ids."""
    unnamed = {
        each.logical_id for kind in _NAMED_BY_AWS for each in application.of(kind) if each.name == each.logical_id
    }
    return {
        re.split("[:/]", physical_id)[-1]: logical_id
        for logical_id, kind, physical_id in record.names
        if kind in _NAMED_BY_AWS and logical_id in unnamed
    }


def summary(application: Application, record: Record) -> Recorded:
    """Return what the principals of the application were allowed in a rehearsal."""
    names, known = invented(application, record), principals(application)
    logical = re.compile("|".join(sorted(map(re.escape, names), key=len, reverse=True)))
    found: Recorded = {}
    for principal, action, resource, via in record.allowed:
        name = principal.rpartition("/")[2]
        name = names.get(name, name).removeprefix(f"{PREFIX}-")
        if name not in known:
            continue  # a service, or a role that a test has made for itself
        place = pattern(logical.sub(lambda match: names[match[0]], resource))
        places = found.setdefault(name, {}).setdefault(f"{action} via {via}" if via else action, [])
        if place not in places:
            places.append(place)
    return found


def needs(recorded: Mapping[str, Mapping[str, Iterable[str]]]) -> list[Need]:
    """Return a record as needs."""
    found = []
    for principal, actions in recorded.items():
        for asked, places in actions.items():
            action, _, via = asked.partition(" via ")
            found += [Need(principal, action, place, "seen in a rehearsal", via) for place in places]
    return found


def load(path: Path = FILE) -> Recorded:
    """Read the committed record."""
    text = path.read_text(encoding="utf-8")
    for value, place in _PLACES.items():
        text = text.replace(place, value)
    found: Recorded = json.loads(text.replace("${Prefix}", PREFIX))
    return found


def save(recorded: Recorded, path: Path = FILE) -> None:
    """Write the record, sorted, one pattern per line."""
    path.write_text(as_written(json.dumps(recorded, indent=1, sort_keys=True)) + "\n", encoding="utf-8")


def as_written(text: str) -> str:
    """Return a text with account, region, partition and prefix as the templates write them."""
    for value, place in _PLACES.items():
        text = text.replace(value, place)
    return re.sub(rf"\b{PREFIX}\b", "${Prefix}", text)


def merged(first: Recorded, second: Recorded) -> Recorded:
    """Return what is in either of two records."""
    return {
        name: {
            action: sorted({*first.get(name, {}).get(action, ()), *second.get(name, {}).get(action, ())})
            for action in {*first.get(name, {}), *second.get(name, {})}
        }
        for name in {*first, *second}
    }
