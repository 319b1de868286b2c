"""Keeps the data files that botocore parses: read once per process, not once per session.

Reading service models takes most of the time of a first boto3 client, and every session reads them again. They are
read-only data but for S3's, from which botocore removes the bucket out of each path when a client is made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import botocore.loaders

_MARK = "__rehearsal__"


def keep() -> None:
    """Keep every data file that botocore parses, and its lists of services, for all sessions of the process."""
    files, lists = botocore.loaders.JSONFileLoader, botocore.loaders.Loader
    if hasattr(files.load_file, _MARK):
        return
    files.load_file = _kept(files.load_file)  # type: ignore[method-assign]
    lists.list_available_services = _kept(lists.list_available_services)  # type: ignore[method-assign]


def _kept(method: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[Any, Any] = {}

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if any("/s3/" in str(each).replace("\\", "/") for each in args):
            return method(self, *args, **kwargs)
        asked = (args, *sorted(kwargs.items()))
        if asked not in known:
            known[asked] = method(self, *args, **kwargs)
        return known[asked]

    setattr(wrapper, _MARK, method)
    return wrapper
