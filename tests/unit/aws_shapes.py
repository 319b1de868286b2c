"""Is a request valid in AWS's own service model? botocore's validator, and what it leaves out: enums, patterns, maxima.

``problems("sagemaker", "CreateTrainingJob", {...})`` returns every fault in words; an empty list means that the request
conforms. boto3 itself checks required members and types only, so a wrong enum or a name that is too long would be
found by AWS, hours later.
"""

import re
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

# Java's Unicode classes, as Python's re spells them closely enough for names, tags and URIs.
_JAVA_CLASSES = {
    r"\p{L}": "a-zA-Z\u00c0-\uffff",
    r"\p{Z}": r"\s",
    r"\p{N}": "0-9",
    r"\p{P}": r"!-/:-@\[-`{-~",
    r"\p{M}": "",
}


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


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
    report = ParamValidator().validate(params, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return found + list(_walk(shape, params, operation))


def fragment_problems(service: str, shape_name: str, value: Any) -> list[str]:
    """Return what is wrong with a part of a request, such as ``DeploymentConfig``."""
    shape = _model(service).shape_for(shape_name)
    report = ParamValidator().validate(value, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return found + list(_walk(shape, value, shape_name))


def _walk(shape: Shape, value: Any, path: str):
    if value is None:
        return
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


def _text(shape: StringShape, value: str, path: str):
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
    return re.compile(pattern, re.DOTALL)


def _bounds(shape: Shape, value: float, path: str, unit: str):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and value < low) or (high is not None and value > high):
        yield f"{path}: found {value} {unit}".rstrip() + f", wanted {low} to {high}"
