"""The Lambda service of the rehearsal that runs: one executor with its event queues and sources."""

from __future__ import annotations

from rehearsal.host import Host, current

from .asynchronous import Asynchronous
from .executor import Executor
from .sources import Queues, Topics


class Service:
    """What belongs together for one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.executor = Executor(host)
        self.asynchronous = Asynchronous(self.executor)
        self.topics = Topics(self.executor, self.asynchronous)
        self.queues = Queues(self.executor)

    def close(self) -> None:
        """End all that runs."""
        self.executor.close()


_service: Service | None = None


def start(host: Host) -> Service:
    """Make the service of `host` the current one, until the host stops."""
    global _service
    _service = Service(host)
    host.on_stop.append(_service.close)
    return _service


def service() -> Service:
    """Return the service of the rehearsal that runs.

    Raises
    ------
    RuntimeError
        When no rehearsal runs, or one without Lambda.
    """
    if _service is None or _service.host is not current():
        raise RuntimeError("the rehearsal that runs has no Lambda: install rehearsal.lambdas first")
    return _service
