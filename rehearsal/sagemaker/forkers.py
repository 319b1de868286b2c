"""The pre-imported processes that jobs and servers are forked from: one for each set of modules of the images."""

from __future__ import annotations

import os
import threading
from typing import Any

from rehearsal.host import current
from rehearsal.sagemaker.images import Image, known

_OWN = ("rehearsal.sagemaker.inside.job", "rehearsal.sagemaker.inside.server")
_lock = threading.Lock()
_forkers: dict[tuple[str, ...], Any] = {}


def of(image: Image) -> Any:
    """Return the fork server for an image, started if need be (it imports in the background)."""
    with _lock:
        if image.preload not in _forkers:
            # PYTHONSAFEPATH: not the fork server's own folder, where rehearsal.py would stand for the package.
            environment = {**os.environ, "PYTHONSAFEPATH": "1"}
            _forkers[image.preload] = current().children.preload([*image.preload, *_OWN], env=environment)
        return _forkers[image.preload]


def warm_up() -> None:
    """Start importing for all images now, so that the first job does not wait for it."""
    for image in known():
        of(image)


def forget() -> None:
    """Forget the fork servers of a rehearsal that stops (its `Children` end them)."""
    with _lock:
        _forkers.clear()
