"""Addresses: no link to a console of one partition, no endpoint but AWS's own choice, and that choice with FIPS.

A console link of the commercial partition leads a GovCloud user to a sign-in that does not know them. An endpoint that
is written down is neither FIPS nor portable; botocore picks the FIPS one when AWS_USE_FIPS_ENDPOINT is set (AWS SDKs and
Tools Reference Guide, "Dual-stack and FIPS endpoints").
"""

import re
from typing import Any

from checks.findings import Finding, Result, result
from checks.located import Located
from checks.tree import Tree, resources

_CONSOLE = re.compile(r"(console|signin)\.(aws\.amazon|amazonaws-us-gov|amazonaws)\.(com|cn)[\w.]*")
_ENDPOINT = re.compile(r"https?://[\w.${}:-]*\.amazonaws\.com[\w./]*|https?://[\w.${}:-]*\.aws(?![\w.])")
_OVERRIDE = re.compile(r"\bendpoint_url\s*[=:]|\bAWS_ENDPOINT_URL\w*\s*[=:]")
_VARIABLE = "AWS_USE_FIPS_ENDPOINT"


def check(tree: Tree) -> Result:
    """Find console links, endpoints written down, and functions that do not ask for FIPS endpoints."""
    findings = [
        *_texts(tree, _CONSOLE, "a link to the console of one partition", "none, or one built from the partition"),
        *_texts(tree, _ENDPOINT, "an endpoint", f"none: botocore picks it, with {_VARIABLE}"),
        *_texts(tree, _OVERRIDE, "an endpoint set by hand", f"none: botocore picks it, with {_VARIABLE}"),
    ]
    functions = 0
    for template in tree.templates:
        for name, body in resources(template, "AWS::Serverless::Function"):
            functions += 1
            findings += _fips(tree, template, name, body)
    return result(f"{len(tree.sources)} files, {functions} functions", findings)


def _texts(tree: Tree, pattern: re.Pattern[str], what: str, wanted: str) -> list[Finding]:
    return [
        Finding(path, line, f"found {what} ({match[0].strip()}), wanted {wanted}")
        for path, line, match in tree.matches(pattern)
    ]


def _fips(tree: Tree, template: Located, name: str, body: dict[str, Any]) -> list[Finding]:
    """A function's environment is its own over the template's Globals."""
    own = _variables(body.get("Properties", {}))
    common = _variables(template.data.get("Globals", {}).get("Function", {}))
    value = _resolved(tree, template, own.get(_VARIABLE, common.get(_VARIABLE)))
    if value == "true":
        return []
    message = f"function {name}: found {_VARIABLE} {value!r}, wanted 'true' or a parameter whose default that is"
    inside = ("Properties", "Environment", "Variables", _VARIABLE)
    place = ("Resources", name, *inside) if _VARIABLE in own else ("Globals", "Function", *inside[1:])
    return [Finding(template.path, template.line(*place), message)]


def _variables(properties: dict[str, Any]) -> dict[str, Any]:
    return dict(properties.get("Environment", {}).get("Variables", {}))


def _resolved(tree: Tree, template: Located, value: Any) -> Any:
    """Follow a Ref to a parameter: to its default, or without one to what the root gives the nested stack."""
    if not isinstance(value, dict) or set(value) != {"Ref"}:
        return value
    parameter = template.data.get("Parameters", {}).get(value["Ref"], {})
    if "Default" in parameter:
        return str(parameter["Default"])
    for parent in tree.templates:
        for _, nested in resources(parent, "AWS::Serverless::Application"):
            given = nested["Properties"].get("Parameters", {})
            if nested["Properties"]["Location"] == template.path.as_posix() and value["Ref"] in given:
                return _resolved(tree, parent, given[value["Ref"]])
    return None
