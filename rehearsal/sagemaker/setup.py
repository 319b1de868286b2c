"""Installs the rehearsal's SageMaker into moto, once per process, and cleans up when a rehearsal stops."""

from __future__ import annotations

import importlib

from rehearsal.host import Host

#: Importing these registers their operations with `api`.
_OPERATIONS = ("job_api", "transform_api", "hosting_api", "endpoint_api", "registry")


def install(host: Host) -> None:
    """Bind the operations; see `rehearsal.sagemaker.install`."""
    from rehearsal.sagemaker import api, capture, control, forkers, lifetime, roles, routing, tags

    for name in _OPERATIONS:
        importlib.import_module(f"rehearsal.sagemaker.{name}")
    api.bind()
    tags.install()
    routing.install()
    control.reset()
    lifetime.begin(host)
    # Called in reverse order: first of all, what fails from now on is not a failure.
    host.on_stop.extend((control.reset, capture.forget, forkers.forget, roles.forget, lambda: lifetime.end(host)))
