"""No partition, account or region is written down, and every ASL resource takes its partition from the template.

``arn:aws:…`` in an ASL Resource deploys in GovCloud and fails when it runs: "The resource belongs to a different
partition from the running execution". Neither cfn-lint nor the linters of the States Language look for it.
"""

import re

from checks.findings import Finding, Result, result
from checks.tree import Tree, tasks

_ARN = re.compile(r"arn:aws(-[a-z]+)*:")
_ACCOUNT = re.compile(r"(?<=[:\"'/@-])\d{12}(?!\w)|(?<!\w)\d{12}(?=[:\"'/.-])|(?i:account\w*\W{1,3})\d{12}(?!\w)")
_REGION = re.compile(r"\b(us|eu|ap|ca|sa|me|af|il|cn|mx)-(gov-|iso[a-z]?-)?(north|south|east|west|central)+-\d\b")
_INTEGRATION = re.compile(r"arn:\$\{Partition\}:states:::[a-z0-9:-]+(:|\.)?[A-Za-z0-9.:]*")
_FUNCTION = re.compile(r"\$\{[A-Z]\w*FunctionArn\}")

_ALLOWED_REGION = ("samconfig.toml",)
"""samconfig.toml is where a deployment says its region; nothing else may."""


def check(tree: Tree) -> Result:
    """Find ARNs, accounts and regions in the sources, and ASL resources that are not ``arn:${Partition}:…``."""
    findings = [*_resources(tree), *_written_down(tree)]
    count = sum(1 for each in tree.definitions.values() for _ in tasks(each))
    return result(f"{count} ASL resources, {len(tree.sources)} files", findings)


def _resources(tree: Tree) -> list[Finding]:
    found = []
    for document in tree.definitions.values():
        for state in tasks(document):
            resource = str(state.body.get("Resource"))
            if not (_INTEGRATION.fullmatch(resource) or _FUNCTION.fullmatch(resource)):
                wanted = "arn:${Partition}:states:::… or ${<Name>FunctionArn}"
                message = f"{state.where}: found Resource {resource}, wanted {wanted}"
                found.append(Finding(document.path, state.line("Resource"), message))
    return found


def _written_down(tree: Tree) -> list[Finding]:
    rules = (
        (_ARN, "an ARN with its partition", "${AWS::Partition}, ${Partition} or Settings.partition"),
        (_ACCOUNT, "an account number", "${AWS::AccountId} or Settings.account"),
        (_REGION, "a region", "${AWS::Region} or Settings.region"),
    )
    found = []
    for pattern, what, wanted in rules:
        for path, line, match in tree.matches(pattern):
            if pattern is _REGION and path.name in _ALLOWED_REGION:
                continue
            found.append(Finding(path, line, f"found {what} ({match[0]}), wanted {wanted}"))
    return found
