"""CloudWatch: metrics that endpoints emit, alarms that are evaluated by the rehearsal's clock, what they set off.

moto stores alarms and custom metrics; here alarms change state, tell the bus, publish to SNS and keep a history.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from rehearsal.cloudwatch.alarms import Listener, Watcher
from rehearsal.cloudwatch.metrics import MINUTE, Bucket, Store, key_of
from rehearsal.host import Host, current

__all__ = ["install", "record", "state", "watching"]

_watcher: Watcher | None = None


def watcher() -> Watcher:
    """Return what watches the alarms of the running rehearsal.

    Raises
    ------
    RuntimeError
        When none runs, or it runs without CloudWatch.
    """
    if _watcher is None:
        raise RuntimeError("rehearsal.cloudwatch is not installed")
    return _watcher


def record(
    namespace: str,
    values: Mapping[str, tuple[float, str]],
    dimensions: Mapping[str, str],
    *,
    resolution: int = MINUTE,
) -> None:
    """Emit metrics as an AWS service does, now; nothing, once the rehearsal has stopped.

    Parameters
    ----------
    values
        ``{metric name: (value, unit)}``.
    resolution
        Seconds: a minute, as services do, or 1.
    """
    watching = _watcher
    if watching is None:
        return
    now = current().clock.time()
    for name, (value, unit) in values.items():
        key = key_of(namespace, name, dimensions)
        watching.store.add(key, now, Bucket([value]), unit=unit, platform=True, resolution=resolution)
        watching.data(key)


def state(alarm: str) -> str | None:
    """Return the state of an alarm, None when there is no such alarm."""
    found = watcher().backend().alarms.get(alarm)
    return None if found is None else found.state_value


@contextlib.contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """Have `listener` called with name and state whenever an alarm changes; the state is None when it is deleted."""
    listeners = watcher().listeners
    listeners.append(listener)
    try:
        yield
    finally:
        listeners.remove(listener)


def install(host: Host) -> None:
    """Put evaluation into moto's CloudWatch.

    Raises
    ------
    RuntimeError
        When moto is not what this was written for.
    """
    global _watcher
    from rehearsal.cloudwatch import patches

    patches.install()
    _watcher = Watcher(host, Store())
    host.on_stop.append(_forget)


def _forget() -> None:
    global _watcher
    _watcher = None
