"""The table of parameters in ``docs/deploying.md``, from ``template.yaml``."""

import re
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from docs.generate import ROOT
from docs.generate.markdown import table

_BEGIN = "<!-- parameters: generated from template.yaml by `make docs` -->"
_END = "<!-- end of parameters -->"


def template_parameters() -> dict[str, dict[str, Any]]:
    """Return the parameters of the root template, in their order.

    Raises
    ------
    ValueError
        When one has no description: the table would have nothing to say of it.
    """
    found: dict[str, dict[str, Any]] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))["Parameters"]
    silent = [name for name, each in found.items() if not each.get("Description")]
    if silent:
        raise ValueError(f"template.yaml: found no Description of {', '.join(silent)}, wanted one of every parameter")
    return found


def _row(name: str, parameter: dict[str, Any]) -> tuple[str, str, str, str]:
    if "Default" not in parameter:
        default = "**required**"
    else:
        default = f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty"
    values = ", ".join(f"`{each}`" for each in parameter.get("AllowedValues", ()))
    return f"`{name}`", default, values, " ".join(parameter["Description"].split())


def within(document: str) -> str:
    """Return the document with the table between its two marks renewed.

    Raises
    ------
    ValueError
        When the marks are not there, once each and in order.
    """
    pattern = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)
    rendered = table(
        ["parameter", "default", "values", "what it means"],
        [_row(name, each) for name, each in template_parameters().items()],
    )
    text, count = pattern.subn(lambda _: f"{_BEGIN}\n{rendered}\n{_END}", document)
    if count != 1:
        raise ValueError(
            f"docs/deploying.md: found {count} tables of parameters, wanted one, between {_BEGIN} and {_END}"
        )
    return text
