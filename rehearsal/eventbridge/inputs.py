"""What a target receives: the event, a part of it, a constant, or a text made from it.

After the EventBridge User Guide, "Amazon EventBridge input transformation".
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

_PLACEHOLDER = re.compile(r"<([^<>\s]+)>")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def input_for(target: dict[str, Any], event: dict[str, Any], rule_arn: str, ingested: str) -> str:
    """Return the text that a target receives for an event.

    Parameters
    ----------
    target
        The target as PutTargets took it.
    ingested
        When EventBridge got the event, for ``<aws.events.event.ingestion-time>``.
    """
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(select(event, target["InputPath"]))
    if target.get("InputTransformer"):
        return transform(target["InputTransformer"], event, rule_arn, ingested)
    return json.dumps(event)


def select(event: dict[str, Any], path: str) -> Any:
    """Return what a JSON path names in an event; None for nothing."""
    found = [match.value for match in _path(path).find(event)]
    if not found:
        return None
    return found[0] if len(found) == 1 else found


@lru_cache(maxsize=256)
def _path(path: str) -> Any:
    from jsonpath_ng.ext import parse

    # A key with a hyphen, such as detail-type, is one key in EventBridge and a subtraction in jsonpath_ng.
    return parse(re.sub(r"\.([A-Za-z_][\w]*-[\w-]+)", r".'\1'", path))


def transform(transformer: dict[str, Any], event: dict[str, Any], rule_arn: str, ingested: str) -> str:
    """Fill in an input template.

    Notes
    -----
    In a template that is JSON, a variable inside a string is put in as text, and one outside as a JSON value. A
    variable whose path finds nothing is an empty string.
    """
    template = str(transformer["InputTemplate"])
    values = {name: select(event, path) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rsplit("/", 1)[1],
        "aws.events.event.ingestion-time": ingested,
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    if not _is_json(template):
        return _PLACEHOLDER.sub(lambda match: _as_text(values.get(match[1])), template)
    filled, end = [], 0
    for quoted in _QUOTED.finditer(template):
        filled.append(_PLACEHOLDER.sub(lambda match: _as_json(values.get(match[1])), template[end : quoted.start()]))
        filled.append(_PLACEHOLDER.sub(lambda match: _inside(values.get(match[1])), quoted[0]))
        end = quoted.end()
    filled.append(_PLACEHOLDER.sub(lambda match: _as_json(values.get(match[1])), template[end:]))
    return "".join(filled)


def _is_json(template: str) -> bool:
    text = template.strip()
    return text.startswith(("{", "[", '"'))


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _as_json(value: Any) -> str:
    return '""' if value is None else json.dumps(value)


def _inside(value: Any) -> str:
    """Text inside a JSON string: escaped, without quotes of its own."""
    return json.dumps(_as_text(value))[1:-1]
