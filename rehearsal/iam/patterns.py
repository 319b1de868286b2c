"""Wildcards of IAM: `*` and `?` in actions, resources and condition values; ARNs compared part by part."""

from __future__ import annotations

import re
from functools import lru_cache

_ARN_PARTS = 6


@lru_cache(maxsize=4096)
def _glob(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    body = "".join(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile(body, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def matches(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    """Whether `value` as a whole matches `pattern`, in which `*` stands for any text and `?` for one character."""
    return _glob(pattern, ignore_case).fullmatch(value) is not None


def matches_arn(pattern: str, value: str) -> bool:
    """Whether an ARN matches as ArnLike and ArnEquals do: each of the six parts by itself, so `*` spans no colon.

    The last part may hold colons, and there `*` matches them. IAM User Guide, "ARN condition operators".
    """
    if pattern == "*":
        return True
    wanted, got = pattern.split(":", _ARN_PARTS - 1), value.split(":", _ARN_PARTS - 1)
    return len(wanted) == len(got) and all(map(matches, wanted, got))
