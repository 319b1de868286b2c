"""Holds the pins of functions and layers against what is installed here.

`sam build` would install them; the rehearsal runs functions with the packages of its own interpreter. They must be the
same versions, or the rehearsal would show something that AWS does not do.
"""

from __future__ import annotations

import operator
import platform
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

NAME = "requirements.txt"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)\s*(\[[^\]]*\])?\s*(==\s*(?P<version>[^\s;]+))?\s*(;(?P<marker>.*))?$")
_CLAUSE = re.compile(r"""^\(*\s*(\w+)\s*(==|!=|<=|>=|<|>)\s*["']([^"']*)["']\s*\)*$""")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def problems(folder: Path) -> list[str]:
    """Return, one line each, where the pins in ``requirements.txt`` of a folder differ from what is installed."""
    path = folder / NAME
    if not path.is_file():
        return []
    found = []
    for line in _lines(path):
        match = _PIN.match(line)
        if match is None:
            found.append(f"{line!r} is no pin that the rehearsal can read (name==version)")
            continue
        name, wanted, marker = match["name"], match["version"], match["marker"]
        if marker and not _applies(marker):
            continue
        try:
            installed = version(name)
        except PackageNotFoundError:
            found.append(f"{name}{'==' + wanted if wanted else ''} is not installed")
            continue
        if wanted and installed != wanted:
            found.append(f"{name}=={wanted} is wanted, {installed} is installed")
    return found


def _lines(path: Path) -> Iterator[str]:
    """Yield the requirements of a file, without comments, hashes and options."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        bare = re.split(r"\s--|(?:^|\s)#", line, maxsplit=1)[0].strip()
        if bare and not bare.startswith("-"):
            yield bare


def _applies(marker: str) -> bool:
    """Evaluate an environment marker of the simple kinds that uv and pip write; others count as true."""
    facts = {
        "implementation_name": sys.implementation.name,
        "os_name": "nt" if sys.platform == "win32" else "posix",
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_system": platform.system(),
        "python_full_version": platform.python_version(),
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "sys_platform": sys.platform,
    }

    def clause(text: str) -> bool:
        match = _CLAUSE.match(text.strip())
        if match is None or match[1] not in facts:
            return True
        have, want = facts[match[1]], match[3]
        if "version" in match[1]:
            have, want = _numbers(have), _numbers(want)  # type: ignore[assignment]
        return bool(_COMPARE[match[2]](have, want))

    return any(all(clause(part) for part in re.split(r"\band\b", either)) for either in re.split(r"\bor\b", marker))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))
