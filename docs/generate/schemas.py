"""A contract as a table: its JSON schema, as Pydantic gives it, in words."""

import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter

from docs.generate.markdown import link, prose, table
from docs.generate.sources import LAYER, alias_notes
from muster.contracts import base
from muster.contracts.base import Contract

Schema = Mapping[str, Any]
_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_ABOUT_TYPE = (
    "type",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
)


def contracts_of(module: ModuleType) -> list[type[Contract]]:
    """Return the contracts that a module defines, in their order in the file."""
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Contract)
        and each.__module__ == module.__name__
        and not each.__name__.startswith("_")
    ]


def json_schema(contract: type[Contract]) -> str:
    """Return the JSON Schema of one contract, as a file of its own."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | contract.model_json_schema(by_alias=True)
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def section(contract: type[Contract]) -> str:
    """Return heading, explanation and fields of one contract."""
    schema = contract.model_json_schema(by_alias=True)
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", _words(each), "yes" if name in required else _default(each))
        for name, each in schema.get("properties", {}).items()
    ]
    parts = [f"### {contract.__name__}", prose(contract.__doc__)]
    if rows:
        parts.append(table(["field", "type", "required"], rows))
    return "\n\n".join(parts)


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return "no"
    value = schema["default"]
    if value is None:
        return "no"
    if value in ([], {}):
        return "no, else empty"
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
    return "no, else its own defaults" if isinstance(value, Mapping) else f"no, else `{text}`"


def _words(schema: Schema) -> str:
    if "$ref" in schema:
        return link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        words = list(dict.fromkeys(_words(each) for each in schema["anyOf"] if each.get("type") != "null"))
        return " or ".join(words) + ("; may be null" if {"type": "null"} in schema["anyOf"] else "")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        least = schema.get("minItems")
        return f"list of {_words(schema['items'])}" + (f", at least {least}" if least else "")
    if kind == "object":
        return _mapping(schema)
    return _alias(schema) or _plain(schema)


def _mapping(schema: Schema) -> str:
    values = schema.get("additionalProperties", True)
    if values is True or values is False:
        patterns = schema.get("patternProperties")
        return f"mapping of names to {_words(next(iter(patterns.values())))}" if patterns else "mapping"
    return f"mapping of names to {_words(values)}"


def _about_type(schema: Schema) -> dict[str, Any]:
    return {key: schema[key] for key in _ABOUT_TYPE if key in schema}


def aliases() -> dict[str, Schema]:
    """Return the named types of the contracts: those of `muster.contracts.base` that say more than a plain type."""
    found: dict[str, Schema] = {}
    for name in alias_notes(LAYER / "contracts" / "base.py"):
        if name in ("T", "ModelT", "Items"):
            continue
        about = _about_type(TypeAdapter(getattr(base, name)).json_schema())
        if len(about) > 1:
            found[name] = about
    return found


def _alias(schema: Schema) -> str | None:
    about = _about_type(schema)
    return next((name for name, each in _ALIASES.items() if each == about), None)


def _plain(schema: Schema) -> str:
    word = _WORDS.get(schema.get("type", ""), "any value")
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    parts = [word]
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    else:
        parts += [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
    parts += [f"more than {above}"] * (above is not None) + [f"less than {below}"] * (below is not None)
    if "pattern" in schema:
        parts.append(f"`{schema['pattern']}`")
    if "format" in schema:
        parts.append(str(schema["format"]))
    if schema.get("minLength") == 1 and "maxLength" not in schema:
        parts.append("not empty")
    elif "maxLength" in schema:
        parts.append(f"at most {schema['maxLength']} characters")
    return ", ".join(parts)


def alias_table() -> str:
    """Return the table of named types."""
    notes = alias_notes(LAYER / "contracts" / "base.py")
    return table(["name", "spelled", "what"], [(name, _plain(each), notes[name]) for name, each in _ALIASES.items()])


_ALIASES = aliases()
