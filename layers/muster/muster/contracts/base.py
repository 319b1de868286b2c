"""The base of every contract, and one way to turn bad input into one clear line."""

import difflib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import ErrorDetails

from muster.errors import ContractError


class Contract(BaseModel):
    """A value that travels between functions: immutable, unknown fields refused, no silent conversion of types."""

    # Validators are built when first needed: a function uses a few of the contracts, and a cold start pays for each.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=(), defer_build=True
    )

    def payload(self) -> dict[str, Any]:
        """Return the value as JSON-ready data.

        Absent optional members are ``null``, not left out: a JSONPath to a missing member fails the execution.
        """
        return self.model_dump(mode="json", by_alias=True)


def _read_time(value: object) -> object:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("an ISO 8601 time such as 2026-01-31T12:00:00Z") from error
    return value


def _as_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time with its zone, such as 2026-01-31T12:00:00Z")
    return value.astimezone(UTC)


def iso(moment: datetime) -> str:
    """Return a UTC time as the ledger and the payloads spell it: milliseconds and ``Z``, so that text sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, BeforeValidator(_read_time), AfterValidator(_as_utc), PlainSerializer(iso, when_used="json")]
"""An aware time in UTC; read from ISO 8601 text, written with milliseconds and ``Z``."""

T = TypeVar("T")
Items = Annotated[tuple[T, ...], Field(strict=False)]
"""Several values in their order; a list is accepted where Python code gives one."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Lower-case hex sha256."""
ImageDigest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
"""An OCI image digest, as ECR writes it."""
S3Uri = Annotated[str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]/.+$", max_length=1024)]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
"""First 20 hex characters of the sha256 of the pipeline's execution ARN."""
ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, Field(min_length=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]

ModelT = TypeVar("ModelT", bound=BaseModel)


def parse(model: type[ModelT], data: object, what: str | None = None) -> ModelT:
    """Read plain data (decoded JSON or YAML) as a contract.

    Parameters
    ----------
    model
        The contract.
    data
        What was received: mappings, lists, texts, numbers, booleans, ``None``.
    what
        How to call it in the error, for example a file's name. The contract's name when left out.

    Raises
    ------
    ContractError
        In one line, every problem as ``field: found …, wanted …``.
    """
    name = what or model.__name__
    try:
        text = json.dumps(data)
    except (TypeError, ValueError) as error:
        raise ContractError(f"{name}: found {_show(data)}, wanted JSON data ({error})") from error
    try:
        # Validated as JSON: strict about numbers and texts, while a list may still become a tuple.
        return model.model_validate_json(text)
    except ValidationError as error:
        problems = _merged([(_path(each), _describe(each, model)) for each in error.errors(include_url=False)])
        raise ContractError(f"{name}: " + "; ".join(problems)) from None


def _merged(problems: list[tuple[str, str]]) -> list[str]:
    """Members of a union each report their own refusal of one field: keep the first of each field."""
    first: dict[str, str] = {}
    for field, problem in problems:
        first.setdefault(field, problem)
    return [f"{field}: {problem}" for field, problem in first.items()]


# Pydantic names the member of a union in the location ("str", "int", "function-before[...]"): no field of a person's
# file.
_UNION_TAGS = {"str", "int", "float", "bool"}
_VALIDATOR_TAGS = ("function-", "tuple[", "list[", "constrained-")


def _path(error: ErrorDetails) -> str:
    parts: list[str] = []
    location = [part for part in error["loc"] if not str(part).startswith(_VALIDATOR_TAGS)]
    if len(location) > 1 and location[-1] in _UNION_TAGS:
        location.pop()
    for part in location:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            name = part if part.isprintable() else repr(part)
            parts.append(f".{name}" if parts else name)
    return "".join(parts) or "(whole)"


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "finite_number": "a finite number",
    "none_required": "null",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def _describe(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Say what was found and what was wanted, in words."""
    kind, context = error["type"], error.get("ctx", {})
    found = f"found {_show(error['input'])}"
    if kind == "missing":
        return "found nothing, wanted a value"
    if kind == "extra_forbidden":
        return f"found an unknown field, wanted {_known_fields(model, error['loc'])}"
    if kind in _WANTED:
        return f"{found}, wanted {_WANTED[kind]}"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{found}, wanted {words} {context[key]}"
    if kind in ("literal_error", "enum"):
        return f"{found}, wanted {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"{found}, wanted text of the form {context['pattern']}"
    if kind in ("string_too_short", "too_short"):
        return f"{found}, wanted at least {context['min_length']} {_unit(kind)}"
    if kind in ("string_too_long", "too_long"):
        return f"{found}, wanted at most {context['max_length']} {_unit(kind)}"
    if kind == "value_error":
        # Validators of ours raise ValueError("what is wanted"), or a whole sentence that starts with "found".
        wanted = str(context["error"])
        return wanted if wanted.startswith("found") else f"{found}, wanted {wanted}"
    return f"{found}, wanted {error['msg']}"


def _unit(kind: str) -> str:
    return "characters" if kind.startswith("string") else "entries"


def _known_fields(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Name the fields that the place knows, nearest spelling first."""
    here: type[BaseModel] | None = model
    for part in location[:-1]:
        if here is None:
            break
        if isinstance(part, str) and part in here.model_fields:
            here = _model_in(here.model_fields[part].annotation)
    if here is None:
        return "a known field"
    names = [field.alias or name for name, field in here.model_fields.items()]
    near = difflib.get_close_matches(str(location[-1]), names, n=1)
    return f"{near[0]!r} (or another of: {', '.join(names)})" if near else f"one of: {', '.join(names)}"


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the contract inside an annotation such as ``tuple[Gate, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _show(value: object, limit: int = 80) -> str:
    if isinstance(value, Mapping):
        return f"a mapping of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "null"
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
