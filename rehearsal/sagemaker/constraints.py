"""Checks a request against the constraints in botocore's model that its client leaves to the service.

botocore's client checks types, required members and minima. Patterns, maxima and enumerations reach SageMaker, which
refuses them in the words used here (the form of ``ValidationException`` that all AWS JSON services share).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from rehearsal.sagemaker.errors import ValidationException


@functools.cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """Compile a pattern of the model; None for one that means "any text" or that Python cannot express."""
    if r"\p{" in text:
        # Only tags, descriptions and URIs of sources have these; what matters is that control characters are refused.
        text = re.sub(r"\[[^\]]*\\p\{[^\]]*\]", r"[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]", text)
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return None


def _shown(value: Any) -> str:
    return str(value) if not isinstance(value, (list, dict)) else "[...]"


def _path(parents: tuple[str, ...]) -> str:
    return ".".join(name[:1].lower() + name[1:] for name in parents)


def _violations(value: Any, shape: Any, path: tuple[str, ...]) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        for name in shape.required_members:
            if name not in value:
                yield f"Value null at '{_path((*path, name))}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _violations(value[name], member, (*path, name))
        return
    rules = list(_rules(value, shape, kind))
    where = _path(path)
    yield from (
        f"Value '{_shown(value)}' at '{where}' failed to satisfy constraint: Member must {rule}" for rule in rules
    )
    if kind == "list":
        for number, item in enumerate(value, 1):
            yield from _violations(item, shape.member, (*path, str(number), "member"))
    elif kind == "map":
        for key, item in value.items():
            yield from _violations(key, shape.key, (*path, "key"))
            yield from _violations(item, shape.value, (*path, key, "member"))


def _rules(value: Any, shape: Any, kind: str) -> Iterator[str]:
    limits = shape.metadata
    if kind in ("string", "list", "map"):
        if "max" in limits and len(value) > limits["max"]:
            yield f"have length less than or equal to {limits['max']}"
        if "min" in limits and len(value) < limits["min"]:
            yield f"have length greater than or equal to {limits['min']}"
    elif kind in ("integer", "long", "float", "double"):
        if "max" in limits and value > limits["max"]:
            yield f"have value less than or equal to {limits['max']}"
        if "min" in limits and value < limits["min"]:
            yield f"have value greater than or equal to {limits['min']}"
    if kind == "string":
        if getattr(shape, "enum", None) and value not in shape.enum:
            yield f"satisfy enum value set: [{', '.join(shape.enum)}]"
        pattern = _pattern(limits["pattern"]) if "pattern" in limits else None
        if pattern is not None and not pattern.fullmatch(value):
            yield f"satisfy regular expression pattern: {limits['pattern']}"


def check(params: dict[str, Any], shape: Any) -> None:
    """Check `params` against a botocore input shape.

    Raises
    ------
    ValidationException
        Naming every member that breaks a constraint, its value, and the constraint.
    """
    found = list(_violations(params, shape, ()))
    if found:
        plural = "s" if len(found) > 1 else ""
        raise ValidationException(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")
