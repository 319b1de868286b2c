"""Unpacks the zip files of functions and layers, each once, into folders named by their digest."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
import zipfile
from pathlib import Path


class CodeStore:
    """Unpacked code of one rehearsal.

    Parameters
    ----------
    root
        Folder to unpack into.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def folder(self, archive: bytes) -> Path:
        """Return the folder with the content of a zip file.

        Raises
        ------
        zipfile.BadZipFile
            When it is none.
        """
        target = self._root / hashlib.sha256(archive).hexdigest()[:20]
        with self._lock:
            if not target.exists():
                part = target.with_suffix(".part")
                with zipfile.ZipFile(io.BytesIO(archive)) as source:
                    source.extractall(part)
                os.rename(part, target)  # noqa: PTH104 - there is nothing to gain from Path.rename
        return target


def layer_paths(layers: list[Path]) -> list[Path]:
    """Return what layers add to ``sys.path``; of two layers with the same module the later one wins, as in ``/opt``."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = [
        layer / place for layer in reversed(layers) for place in (f"python/lib/{version}/site-packages", "python")
    ]
    return [place for place in places if place.is_dir()]
