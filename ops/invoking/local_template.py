"""A copy of a built template for `sam local invoke`: ``local.yaml`` beside each ``template.yaml``.

SAM hands a container only those variables of ``--env-vars`` that the template declares. Where AWS is and who the function is
are none of the product's variables, so the copy declares them, without values. Nothing else differs; what is deployed is
``template.yaml``.

Run: ``python -m ops.invoking.local_template .aws-sam/build/template.yaml``
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from ops.console import OK, out
from ops.invoking import functions, variables

NAME = "local.yaml"


def write(root: Path) -> Path:
    """Write the copies of a built root template and its nested ones, and return the root's."""
    for template in functions.templates(root):
        copy = template.with_name(NAME)
        copy.write_text(yaml.safe_dump(_declared(functions.document(template)), sort_keys=False), encoding="utf-8")
    return root.with_name(NAME)


def _declared(document: dict[str, Any]) -> dict[str, Any]:
    declared = document.setdefault("Globals", {}).setdefault("Function", {}).setdefault("Environment", {})
    declared["Variables"] = {**dict.fromkeys(variables.BESIDE, ""), **declared.get("Variables", {})}
    for resource in document["Resources"].values():
        if resource["Type"] == functions.NESTED:
            properties = resource["Properties"]
            properties["Location"] = str(Path(properties["Location"]).with_name(NAME))
    return document


if __name__ == "__main__":
    out.print(write(Path(sys.argv[1])))
    sys.exit(OK)
