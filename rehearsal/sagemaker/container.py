"""The /opt/ml folder of a job or an endpoint's fleet.

There is no container. Each job has a folder of its own, and wherever a request says ``/opt/ml`` (entry point, arguments,
environment, hyperparameters, local paths) the literal prefix is replaced by that folder. A script must therefore take
its places from arguments, from the environment (SM_CHANNEL_TRAIN, SM_MODEL_DIR, ...) or from /opt/ml/input/config as
passed to it; one that opens a literal ``/opt/ml/...`` of its own source gets an error that says so.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

BASE = "/opt/ml"
# A path of its own: not a part of a longer name, of another path, or of an S3 key.
_PREFIX = re.compile(r"(?<![\w./-])/opt/ml(?![\w.-])")


class Container:
    """The folders of one job.

    Parameters
    ----------
    folder
        Where they are made; also the place of the log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "opt" / "ml"
        self.root.mkdir(parents=True)
        self.log = folder / "log.txt"
        self.log.touch()

    def path(self, text: str) -> Path:
        """Return the place of a path below ``/opt/ml``.

        Raises
        ------
        ValueError
            When it is another path: the rehearsal maps nothing but /opt/ml.
        """
        path = Path(text)
        if ".." in path.parts or not path.is_relative_to(BASE):
            raise ValueError(f"{text!r} is not below {BASE}, the only folder of a container that is rehearsed")
        return self.root / path.relative_to(BASE)

    def inside(self, value: Any) -> Any:
        """Return `value` (text, list or dict) with /opt/ml replaced by this container's folder."""
        if isinstance(value, str):
            return _PREFIX.sub(lambda _: str(self.root), value)
        if isinstance(value, list):
            return [self.inside(item) for item in value]
        if isinstance(value, dict):
            return {key: self.inside(item) for key, item in value.items()}
        return value

    def outside(self, text: str) -> str:
        """Return `text` with this container's folder shown as /opt/ml, as AWS would show it."""
        return text.replace(str(self.root), BASE)

    def folder_at(self, text: str) -> Path:
        """Make the folder at a path below /opt/ml and return it."""
        path = self.path(text)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, text: str, value: Any) -> Path:
        """Write a JSON file at a path below /opt/ml, with /opt/ml replaced in what it says."""
        path = self.path(text)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.inside(value)))
        return path

    def read_text(self, text: str, limit: int = 1024) -> str:
        """Return the first `limit` characters of a file below /opt/ml; "" when there is none."""
        path = self.path(text)
        if not path.is_file():
            return ""
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(limit)
