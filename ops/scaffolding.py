"""`muster new NAME`: a copy of ops/scaffold with the name filled in."""

import re
from pathlib import Path

import jinja2

from muster.errors import ContractError, Refused

_SCAFFOLD = Path(__file__).parent / "scaffold"


def create(name: str, models: Path) -> Path:
    """Make a model's folder.

    Raises
    ------
    ContractError
        For a name that a model cannot have.
    Refused
        When the folder is there already; nothing is overwritten.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise ContractError(f"name: found {name!r}, wanted a lower-case letter, then up to 39 of a-z, 0-9 and _")
    folder = models / name
    if folder.exists():
        raise Refused(f"{folder}: is there already, wanted a new name; nothing was changed")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_SCAFFOLD),
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # nosec B701 # noqa: S701 - Python and YAML, not HTML
    )
    rendered = {
        each: environment.get_template(each).render(name=name)
        for each in environment.list_templates()
        if "__pycache__" not in each
    }
    for each, text in rendered.items():
        target = folder / each
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder
