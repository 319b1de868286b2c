"""S3: objects are written at rehearsal time.

moto stamps objects with the machine's clock. What SageMaker captures lies at keys of rehearsal time, and whoever asks
whether a file came late compares `LastModified` with the time of an execution: all three have to be of one clock.
Object Lock goes on with the machine's clock, as functions do, whose processes set the dates until which objects are kept.
"""

from __future__ import annotations

import contextlib
from typing import Any

from rehearsal import host as hosts
from rehearsal.host import Host


def install(host: Host) -> None:  # noqa: ARG001 - every extension is given the host
    """Give objects and delete markers the time of the rehearsal that runs. Called once by the server when it starts."""
    from moto.s3.models import FakeDeleteMarker, FakeKey

    from rehearsal.patching import original, replace

    for kind in (FakeDeleteMarker, FakeKey):
        replace(kind, "__init__", _stamped(original(kind, "__init__")))


def _stamped(init: Any) -> Any:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it takes the place of moto's
        init(self, *args, **kwargs)
        with contextlib.suppress(RuntimeError):  # no rehearsal runs: a test uses moto alone
            self.last_modified = hosts.current().clock.now().replace(tzinfo=None)

    return __init__
