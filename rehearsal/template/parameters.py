"""Template parameters: defaults, types and constraints, as CloudFormation checks them before it creates anything.

Source: CloudFormation User Guide, "Parameters" (section structure): types, AllowedValues, AllowedPattern,
Min/MaxLength, Min/MaxValue, NoEcho.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .errors import TemplateError

_KNOWN_KEYS = frozenset(
    {
        "Type",
        "Default",
        "AllowedValues",
        "AllowedPattern",
        "ConstraintDescription",
        "Description",
        "MinLength",
        "MaxLength",
        "MinValue",
        "MaxValue",
        "NoEcho",
    }
)
_LISTS = re.compile(r"^(CommaDelimitedList|List<.+>)$")
_PLAIN = re.compile(r"^(String|Number|CommaDelimitedList|List<Number>|List<String>)$")
_AWS = re.compile(r"^(List<)?AWS::(EC2|Route53)::[A-Za-z]+::[A-Za-z]+(\.[A-Za-z]+)?>?$")


def resolve(
    declared: dict[str, Any], given: dict[str, Any], template: Path, *, stack: str | None = None
) -> dict[str, Any]:
    """Return the value of every declared parameter: a string, or a list of strings for list types.

    Parameters
    ----------
    declared
        The ``Parameters`` section.
    given
        Values by name: strings, numbers, booleans, or lists for list types.
    template
        The template's file, for errors.
    stack
        Name of the stack, for errors.

    Raises
    ------
    TemplateError
        For a value that is missing, unknown, of the wrong type or not allowed.
    """
    for name in given:
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise TemplateError(
                f"is given but not declared; parameters are: {known}",
                template=template,
                logical_id="Parameters",
                path=name,
            )
    values = {}
    for name, declaration in declared.items():
        try:
            values[name] = _value(declaration, given.get(name), stack)
        except TemplateError as error:
            raise error.at(template=template, logical_id="Parameters", path=name) from None
    return values


def _value(declaration: Any, given: Any, stack: str | None) -> Any:
    if not isinstance(declaration, dict) or "Type" not in declaration:
        raise TemplateError("has no Type")
    for key in declaration:
        if key not in _KNOWN_KEYS:
            raise TemplateError(f"has an unknown key {key!r}")
    kind = str(declaration["Type"])
    if kind.startswith("AWS::SSM::"):
        raise TemplateError(f"has type {kind}: values from SSM are not rehearsed, take the value itself as a String")
    if not (_PLAIN.match(kind) or _AWS.match(kind)):
        raise TemplateError(f"has type {kind!r}, which is not known")
    value = declaration.get("Default") if given is None else given
    if value is None:
        raise TemplateError("has no default and no value was given" + (f" to stack {stack}" if stack else ""))
    if _LISTS.match(kind):
        values = [_text(item) for item in value] if isinstance(value, list) else _split(_text(value))
        for item in values:
            _check(declaration, "Number" if kind == "List<Number>" else "String", item)
        return values
    if isinstance(value, list):  # CloudFormation takes a list for a String parameter as its items joined by commas
        value = ",".join(_text(item) for item in value)
    text = _text(value)
    _check(declaration, kind, text)
    return text


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _text(value: Any) -> str:
    """Return a scalar as CloudFormation writes it: ``true``, ``5``, ``0.5``, never ``5.0`` for a whole number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError(f"is {type(value).__name__}, wanted a string or a number")


def _check(declaration: dict[str, Any], kind: str, text: str) -> None:
    shown = "****" if _text(declaration.get("NoEcho", False)) == "true" else repr(text)
    why = declaration.get("ConstraintDescription")
    hint = f" ({why})" if why else ""
    if kind == "Number":
        _check_number(declaration, text, shown, hint)
    allowed = declaration.get("AllowedValues")
    if allowed is not None and text not in [_text(value) for value in allowed]:
        raise TemplateError(f"is {shown}, allowed are {', '.join(_text(value) for value in allowed)}{hint}")
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(str(pattern), text):
        raise TemplateError(f"is {shown}, which does not match {pattern}{hint}")
    if "MinLength" in declaration and len(text) < int(declaration["MinLength"]):
        raise TemplateError(f"is {shown}: {len(text)} characters, at least {declaration['MinLength']} are wanted{hint}")
    if "MaxLength" in declaration and len(text) > int(declaration["MaxLength"]):
        raise TemplateError(f"is {shown}: {len(text)} characters, at most {declaration['MaxLength']} are allowed{hint}")


def _check_number(declaration: dict[str, Any], text: str, shown: str, hint: str) -> None:
    try:
        number = float(text)
    except ValueError:
        raise TemplateError(f"is {shown}, wanted a number{hint}") from None
    if "MinValue" in declaration and number < float(declaration["MinValue"]):
        raise TemplateError(f"is {shown}, at least {declaration['MinValue']} is wanted{hint}")
    if "MaxValue" in declaration and number > float(declaration["MaxValue"]):
        raise TemplateError(f"is {shown}, at most {declaration['MaxValue']} is allowed{hint}")
