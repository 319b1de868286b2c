"""What a rehearsal can tell of permissions when it ends: who was allowed what, and what AWS called the resources.

With ``REHEARSAL_RECORDS`` naming a folder, every rehearsal of a template leaves a file there when it stops.
"""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from rehearsal.host import Host

FOLDER = "REHEARSAL_RECORDS"


@dataclass(frozen=True)
class Record:
    """What was allowed in one rehearsal.

    Attributes
    ----------
    template
        The root template.
    names
        (logical id, type, physical id) of every resource of every stack.
    allowed
        (principal, action, resource, service that used a key for the principal or "") of what was allowed, each once.
    """

    template: str
    names: list[tuple[str, str, str]]
    allowed: list[tuple[str, str, str, str]]


def of(host: Host) -> Record:
    """Return the record so far; KeyError when no stack called muster has been deployed."""
    from rehearsal.template import deployed

    stack = deployed(host)
    resources = [each for inner in stack.walk() for each in inner.resources.values()]
    return Record(
        template=str(stack.template),
        names=[(each.logical_id, each.type, each.physical_id) for each in resources],
        allowed=sorted(
            {(each.principal, each.action, each.resource, each.via) for each in host.iam.calls() if each.allowed}
        ),
    )


def write(host: Host) -> None:
    """Leave a record in the folder that the environment names, if it names one and there is something to tell."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    try:
        record = of(host)
    except KeyError:  # a rehearsal without a template
        return
    path = Path(folder) / f"{uuid.uuid4().hex}.json"
    path.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")


def load(path: Path) -> Record:
    """Read a file that `write` has left."""
    found = json.loads(path.read_text(encoding="utf-8"))
    names = [(str(a), str(b), str(c)) for a, b, c in found["names"]]
    allowed = [(str(a), str(b), str(c), str(d)) for a, b, c, d in found["allowed"]]
    return Record(found["template"], names, allowed)
