"""JSONPath as AWS evaluates it (Jayway's rules), compiled once per path.

moto compiles a path at each use (a millisecond each) and gives ``$.a[0].b`` and ``$.a[-1].b`` as a list. AWS: a definite
path gives the value, an indefinite one (``..``, ``*``, slice, filter, union) a list, empty when nothing matches.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from rehearsal.patching import replace, replace_everywhere

_INDEFINITE = re.compile(r"\.\.|\*|\[\?|\[[^\]'\"]*[:,][^\]]*\]|\['[^']*'\s*,")


def install() -> None:
    """Replace the evaluation, wherever it has been imported to, and the compiler of result paths."""
    from moto.stepfunctions.parser.asl.component.common.path import result_path
    from moto.stepfunctions.parser.asl.utils import json_path

    replace_everywhere(json_path, "extract_json", extract, ("path", "data"))
    replace(result_path, "parse", _compiled_plain)


@lru_cache(maxsize=4096)
def _compiled(path: str) -> tuple[Any, bool]:
    from jsonpath_ng.ext import parse

    return parse(path), _INDEFINITE.search(path) is None


@lru_cache(maxsize=4096)
def _compiled_plain(path: str) -> Any:
    from jsonpath_ng import parse

    return parse(path)


def extract(path: str, data: Any) -> Any:
    """Return what `path` selects from `data`.

    Raises
    ------
    NoSuchJsonPathError
        When a definite path selects nothing (moto's class, which its callers expect).
    """
    from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

    expression, definite = _compiled(path)
    matches = expression.find(data)
    if not definite:
        return [match.value for match in matches]
    if not matches:
        raise NoSuchJsonPathError(json_path=path, data=data)
    return matches[0].value
