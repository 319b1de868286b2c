"""Is a request valid in AWS's own service model? botocore's validator, and what it leaves out: enums, patterns, maxima.

``problems("sagemaker", "CreateTrainingJob", {...})`` returns every fault in words; an empty list means that the request
conforms. boto3 itself checks required members, types and minima only, so a wrong enum or a name that is too long would
be found by AWS, hours later. A value that is only known when the workflow runs is `UNKNOWN`: it is there, and conforms.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator


class Unknown:
    """The type of `UNKNOWN`."""

    def __repr__(self) -> str:
        """Return how messages show it."""
        return "(known when it runs)"


UNKNOWN: Final = Unknown()

# Java's Unicode classes, as Python's re spells them closely enough for names, tags and URIs.
_JAVA_CLASSES = {
    r"\p{L}": "a-zA-Z\u00c0-\uffff",
    r"\p{Z}": r"\s",
    r"\p{N}": "0-9",
    r"\p{P}": r"!-/:-@\[-`{-~",
    r"\p{S}": r"$+<=>\^`|~",
    r"\p{M}": "",
}
_ANYTHING = re.compile(".*", re.DOTALL)


def problems(service: str, operation: str, params: dict[str, Any]) -> list[str]:
    """Return what is wrong with the parameters of an operation.

    Parameters
    ----------
    service
        botocore's name, such as ``sagemaker``.
    operation
        As the API spells it, such as ``CreateTrainingJob``.
    """
    shape = _model(service).operation_model(operation).input_shape
    return _problems(shape, params, operation) if shape is not None else []


def fragment_problems(service: str, shape_name: str, value: Any) -> list[str]:
    """Return what is wrong with a part of a request, such as ``DeploymentConfig``."""
    return _problems(_model(service).shape_for(shape_name), value, shape_name)


def operations(service: str) -> list[str]:
    """Return the operations of a service, as the API spells them."""
    return list(_model(service).operation_names)


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _problems(shape: Shape, value: Any, path: str) -> list[str]:
    report = ParamValidator().validate(_filled(shape, value), shape)
    found = report.generate_report().splitlines() if report.has_errors() else []
    return found + list(_walk(shape, value, path))


def _filled(shape: Shape, value: Any) -> Any:
    """Put something of the right type where a value is unknown, for botocore's validator."""
    if isinstance(value, Unknown):
        return _typical(shape)
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return {name: _filled(members[name], each) if name in members else each for name, each in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list | tuple):
        return [_filled(shape.member, each) for each in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _filled(shape.value, each) for key, each in value.items()}
    return value


def _typical(shape: Shape) -> Any:
    if isinstance(shape, StructureShape):
        return {name: _typical(shape.members[name]) for name in shape.required_members}
    least = int(shape.metadata.get("min", 1))
    if isinstance(shape, ListShape):
        return [_typical(shape.member)] * least
    if isinstance(shape, MapShape):
        return {f"{_typical(shape.key)}{index}": _typical(shape.value) for index in range(least)}
    plain: dict[str, Any] = {"boolean": True, "blob": b"x", "timestamp": 0, "float": 1.0 * least, "double": 1.0 * least}
    if shape.type_name == "string":
        return "x" * max(least, 1)
    return plain.get(shape.type_name, least)


def _walk(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, each in value.items():
            if name in shape.members:
                yield from _walk(shape.members[name], each, f"{path}.{name}")
    elif isinstance(shape, ListShape) and isinstance(value, list | tuple):
        yield from _bounds(shape, len(value), path, "entries")
        for index, each in enumerate(value):
            yield from _walk(shape.member, each, f"{path}[{index}]")
    elif isinstance(shape, MapShape) and isinstance(value, dict):
        yield from _bounds(shape, len(value), path, "entries")
        for key, each in value.items():
            yield from _walk(shape.key, key, f"{path} key {key}")
            yield from _walk(shape.value, each, f"{path}.{key}")
    elif isinstance(shape, StringShape) and isinstance(value, str):
        yield from _text(shape, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _bounds(shape, value, path, "")


def _text(shape: StringShape, value: str, path: str) -> Iterator[str]:
    yield from _bounds(shape, len(value), path, "characters")
    if shape.enum and value not in shape.enum:
        yield f"{path}: found {value!r}, wanted one of {len(shape.enum)}: {', '.join(shape.enum[:5])}…"
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{path}: found {value!r}, wanted {pattern}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:  # the service model itself holds a malformed one (CustomerMetadataKey ends with ``${1,128}``)
        return _ANYTHING


def _bounds(shape: Shape, value: float, path: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and value < low) or (high is not None and value > high):
        yield f"{path}: found {value} {unit}".rstrip() + f", wanted {low} to {high}"
