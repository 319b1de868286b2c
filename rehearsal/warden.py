"""Ends what a rehearsal started when the rehearsal is gone, even killed by SIGKILL. Run as a script, apart from it.

It reads lines from its standard input, which only the host holds open: ``+<process group>``, ``-<process group>``,
``rm <folder>``, ``mark <text>``. At end of file it kills the groups that are left, on Linux also every process whose
environment contains the mark (a unique one per rehearsal), removes the folders, and ends.

Not PR_SET_PDEATHSIG: that fires when the *thread* that started the child ends, and the host's threads are short-lived.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path


def marked(mark: bytes) -> list[int]:
    """Return the ids of the living processes that carry `mark` in their environment (Linux; elsewhere none)."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
    return [pid for pid in found if pid != os.getpid()]


def clean(groups: set[int], mark: bytes, folders: list[str]) -> None:
    """Kill and remove all of it."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    for _ in range(20):  # a process may have forked while the list was read
        left = marked(mark) if mark else []
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.02)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Keep the list until the host is gone."""
    groups: set[int] = set()
    folders: list[str] = []
    mark = b""
    for line in sys.stdin:
        word = line.rstrip("\n")
        if word.startswith("+"):
            groups.add(int(word[1:]))
        elif word.startswith("-"):
            groups.discard(int(word[1:]))
        elif word.startswith("rm "):
            folders.append(word[3:])
        elif word.startswith("mark "):
            mark = word[5:].encode()
    clean(groups, mark, folders)


if __name__ == "__main__":
    main()
