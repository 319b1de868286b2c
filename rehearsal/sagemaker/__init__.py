"""SageMaker: what moto stores is executed here.

Jobs run as processes forked from a pre-imported one (`training`, `processing`, `transform`), endpoints are HTTP servers behind a
router (`endpoints`, `deployment`, `routing`), data capture writes to S3 (`capture`), and the registry knows who did
what (`registry`). All of it works on moto's backend, through the operations that `api` binds to moto's HTTP layer.

The functions here are for a demo or a test: they order what AWS would not, and tell what it would not. Listeners
(`Host.emit`) hear of ``job``, ``endpoint``, ``traffic`` and ``capture_lost``.
"""

from __future__ import annotations

from pathlib import Path

from rehearsal.host import Host, current
from rehearsal.sagemaker.control import (
    duplicate_events,
    fail_capacity_next,
    fail_rollback_next,
    interrupt_next,
    refuse_next,
)

__all__ = [
    "duplicate_events",
    "fail_capacity_next",
    "fail_rollback_next",
    "install",
    "interrupt_next",
    "log_file",
    "refuse_next",
    "requests",
    "traffic",
    "warm_up",
]


def install(host: Host) -> None:
    """Put the rehearsal's SageMaker in the place of moto's.

    Raises
    ------
    RuntimeError
        When moto is not what this was written for (see `patching`).
    """
    from rehearsal.sagemaker import setup

    setup.install(host)


def warm_up() -> None:
    """Start importing what jobs need, so that the first job does not wait for it. Returns at once."""
    from rehearsal.sagemaker import forkers

    forkers.warm_up()


def log_file(kind: str, name: str) -> Path:
    """Return the file with all that a job has printed; `kind` is ``training``, ``processing`` or ``transform``."""
    from rehearsal.sagemaker import jobs

    return jobs.log_file(current(), kind, name)


def traffic(endpoint_name: str) -> list[tuple[float, int]]:
    """Return ``(rehearsal time, percent of the traffic that goes to the new fleet)``, one entry for each change."""
    from rehearsal.sagemaker import endpoints

    return endpoints.get(endpoint_name).traffic_log()


def requests(endpoint_name: str) -> dict[str, dict[str, int]]:
    """Return how many requests each endpoint configuration has answered: ``{config: {"ok": n, "failed": n}}``."""
    from rehearsal.sagemaker import endpoints

    return endpoints.get(endpoint_name).request_counts()
