"""AWS CloudFormation Guard with AWS Control Tower's proactive controls that map to NIST 800-53 Rev. 5.

The npm package @cdklabs/cdk-validator-cfnguard brings Guard itself and the rules, each with the controls that AWS maps it
to. They run on the evaluated stacks: Guard compares values, and would take ``!Ref LogRetentionDays`` for none.
"""

import json
import platform
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checks.tools import node, templates
from checks.tools.report import Report, run, unexpected

_PACKAGE = "@cdklabs/cdk-validator-cfnguard"
_FRAMEWORK = "NIST 800-53 Rev 5"
_RESOURCE = re.compile(r"/Resources/(\w+)")
_CONTROL = re.compile(r"\[(CT\.[A-Z0-9.]+)\]")

_ACCEPTED: tuple[tuple[str, str, str], ...] = (
    ("CT.S3.PR.2", "AccessLogBucket", "it takes the logs of all others; its own would grow without end"),
    ("CT.S3.PR.10", "AccessLogBucket", "AWS documents S3's own encryption (SSE-S3) for the target of access logs"),
    ("CT.S3.PR.9", "AccessLogBucket", "S3 delivers no access logs to a bucket with a default retention"),
    (
        "CT.S3.PR.9",
        "(Capture|Data|Work)Bucket",
        "what a run reads and proves is copied to the locked records and evidence buckets; raw data, captures and scratch "
        "may have to be erased after a spill",
    ),
    ("CT.S3.PR.4", ".*Bucket", "events are for what reacts to them, and nothing does; access is in the access logs"),
    ("CT.KMS.PR.3", ".*Key", "key policies allow kms:CreateGrant only with kms:GrantIsForAWSResource: nothing to deny"),
)
"""Control, resources (a regular expression) and the reason. An acceptance that is not needed is a finding."""


def check(root: Path) -> Report:
    """Run the mapped rules."""
    tool = f"cfn-guard of {node.package(root, _PACKAGE)}"
    rules = _mapped(root)
    with tempfile.TemporaryDirectory() as folder:
        count = templates.write_evaluated(root, Path(folder))
        options = ["--structured", "--output-format", "json", "--show-summary", "none"]
        ended = run([_binary(root), "validate", "--rules", *map(str, rules), "--data", folder, *options], root)
    if not ended.stdout:
        return unexpected(tool, ended)
    report = json.loads(ended.stdout)
    judged = {rule for each in report for rule in [*each["compliant"], *_names(each["not_compliant"])]}
    findings, accepted = _sorted(set(_problems(root, report)))
    looked_at = f"{len(rules)} rules mapped to {_FRAMEWORK}, {len(judged)} of them about what is in {count} resources"
    return Report(tool, looked_at, tuple(findings), tuple(accepted))


def _mapped(root: Path) -> list[Path]:
    """Return the rules whose metadata names the framework."""
    found = []
    for path in sorted(node.file(root, f"{_PACKAGE}/rules/control-tower/metadata").glob("*/*.json")):
        mappings = json.loads(path.read_text(encoding="utf-8")).get("ComplianceFrameworkMappings", ())
        if any(each["ComplianceFramework"] == _FRAMEWORK for each in mappings):
            name = path.name.replace(".metadata.json", ".guard")
            found.append(path.parents[2] / "cfn-guard" / path.parent.name / name)
    return found


def _binary(root: Path) -> str:
    system = {"Linux": "ubuntu", "Darwin": "macos"}[platform.system()]
    machine = "x86_64" if platform.machine() in ("x86_64", "AMD64") else "aarch64"
    return str(node.file(root, f"{_PACKAGE}/bin/{system}/{machine}/cfn-guard"))


def _names(rules: list[dict[str, Any]]) -> list[str]:
    return [each["Rule"]["name"] for each in rules]


def _problems(root: Path, report: list[dict[str, Any]]) -> Iterator[tuple[Path, str, str]]:
    """Yield template, resource and control of everything that does not comply."""
    for each in report:
        for rule in each["not_compliant"]:
            text = json.dumps(rule)
            control = _CONTROL.search(text)
            for resource in set(_RESOURCE.findall(text)):
                yield (
                    templates.source_of(root, Path(each["name"])),
                    resource,
                    control[1] if control else rule["Rule"]["name"],
                )


def _sorted(problems: set[tuple[Path, str, str]]) -> tuple[list[str], list[str]]:
    findings, accepted, used = [], [], set()
    for template, resource, control in sorted(problems):
        place = f"{template}: {resource}: {control}"
        matching = [each for each in _ACCEPTED if each[0] == control and re.fullmatch(each[1], resource)]
        used.update(matching)
        accepted += [f"{place}: {reason}" for _, _, reason in matching[:1]]
        findings += [] if matching else [place]
    idle = [each for each in _ACCEPTED if each not in used]
    findings += [
        f"checks/tools/guard.py:1: {control} of {resources}: found no need to accept it"
        for control, resources, _ in idle
    ]
    return findings, accepted
