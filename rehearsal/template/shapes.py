"""Bring a template's value into the shape that an AWS API wants, or say which property does not fit.

CloudFormation's properties are mostly the members of the create call under the same names, but its values are looser:
``"30"`` for a number, ``"true"`` for a boolean, a number for a string. Source of the shapes: botocore's service models.
"""

from __future__ import annotations

import json
import math
from typing import Any

from .errors import TemplateError, join


def conform(value: Any, shape: Any, path: str) -> Any:
    """Return `value` as a botocore parameter of `shape`.

    Parameters
    ----------
    value
        An evaluated template value.
    shape
        A botocore shape.
    path
        Where the value stands, for errors.

    Raises
    ------
    TemplateError
        For an unknown member, a wrong type or a value outside of an enumeration.
    """
    handler = _HANDLERS.get(shape.type_name)
    if handler is None:  # blob, timestamp, document: botocore checks these itself
        return value
    return handler(value, shape, path)


def _structure(value: Any, shape: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TemplateError(f"is {_shown(value)}, wanted a map", path=path)
    found = {}
    for key, item in value.items():
        # CloudFormation writes FooBar where some APIs (Step Functions) write fooBar.
        member = next((name for name in (key, key[:1].lower() + key[1:]) if name in shape.members), None)
        if member is None:
            raise TemplateError(f"is unknown; known are {', '.join(sorted(shape.members))}", path=join(path, key))
        found[member] = conform(item, shape.members[member], join(path, key))
    for name in shape.required_members:
        if name not in found:
            raise TemplateError("is missing", path=join(path, name))
    return found


def _list(value: Any, shape: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise TemplateError(f"is {_shown(value)}, wanted a list", path=path)
    return [conform(item, shape.member, join(path, index)) for index, item in enumerate(value)]


def _map(value: Any, shape: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TemplateError(f"is {_shown(value)}, wanted a map", path=path)
    return {str(key): conform(item, shape.value, join(path, str(key))) for key, item in value.items()}


def _string(value: Any, shape: Any, path: str) -> str:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise TemplateError(f"is {_shown(value)}, wanted a string", path=path)
    if shape.enum and value not in shape.enum:
        raise TemplateError(f"is {value!r}, wanted one of {', '.join(shape.enum)}", path=path)
    return value


def _number(value: Any, shape: Any, path: str) -> float:
    try:
        number = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise TemplateError(f"is {_shown(value)}, wanted a number", path=path)
    _range(number, shape, path)
    return number


def _integer(value: Any, shape: Any, path: str) -> int:
    number = _number(value, shape, path)
    if number != int(number):
        raise TemplateError(f"is {_shown(value)}, wanted a whole number", path=path)
    return int(number)


def _boolean(value: Any, _shape: Any, path: str) -> bool:
    known = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in known:
        return known[value.lower()]
    raise TemplateError(f"is {_shown(value)}, wanted true or false", path=path)


def _range(number: float, shape: Any, path: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and number < low) or (high is not None and number > high):
        raise TemplateError(
            f"is {number:g}, wanted {low if low is not None else ''}..{high if high is not None else ''}", path=path
        )


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


_HANDLERS = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
}
