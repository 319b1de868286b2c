"""The last event that each function of a rehearsal got, in ``build/events``; until there is one, the sample of ``events``.

A sample shows an event's shape, but the digests and the buckets in it are nobody's. The event of a call that has been made
names what is there, so that the function, invoked alone, has something to answer.
"""

import json
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster.errors import NotFound
from ops.stage import PREFIX, ROOT

SAMPLES = ROOT / "events"
FOLDER = Path("build") / "events"


@dataclass(frozen=True)
class Call:
    """One call of a function that succeeded.

    Attributes
    ----------
    function
        As its folder is called.
    event, answer
        What it got and gave.
    """

    function: str
    event: Any
    answer: Any


class Calls:
    """Listens to a rehearsal and keeps the last successful call of each function, in the order of the calls."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._last: dict[str, Call] = {}

    def __call__(self, told: dict[str, Any]) -> None:
        """Take what the rehearsal tells (see ``rehearsal.host.Host.emit``)."""
        if told["kind"] != "lambda" or told["error"]:
            return
        name = told["function"].removeprefix(f"{PREFIX}-").replace("-", "_")
        with self._lock:
            self._last.pop(name, None)
            self._last[name] = Call(name, told["event"], json.loads(told["payload"]))
            if self._folder is not None:
                _write(self._folder, name, told["event"])

    def last(self) -> list[Call]:
        """Return the calls."""
        with self._lock:
            return list(self._last.values())


def begin() -> Calls:
    """Fill ``build/events`` with the samples, and return what replaces them by events of calls."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in names():
        _write(FOLDER, name, sample(name))
    return Calls(FOLDER)


def names() -> list[str]:
    """Return the names of the functions that have a sample."""
    return sorted(path.stem for path in SAMPLES.glob("*.json") if path.name != "env.json")


_BUCKET = re.compile(r"\bmuster-(data|records|evidence|work|capture)-123456789012\b")


def sample(name: str, variables: Mapping[str, str] | None = None) -> Any:
    """Return the sample of a function's event; with the function's `variables`, its buckets are this installation's."""
    event = read(SAMPLES / f"{name}.json")
    if variables is None:
        return event
    ours = _BUCKET.sub(lambda found: variables[f"MUSTER_{found[1].upper()}_BUCKET"], json.dumps(event))
    return json.loads(ours)


def read(file: Path) -> Any:
    """Read an event.

    Raises
    ------
    NotFound
        When there is no such file, or it holds no JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotFound(f"event {file}: {error}; wanted a file with one JSON event") from error


def _write(folder: Path, name: str, event: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(event, indent=2) + "\n", encoding="utf-8")
