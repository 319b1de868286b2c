"""One judge for bucket policies: the middleware. moto's own reading knows no conditions."""

from __future__ import annotations

from typing import Any

from rehearsal.patching import replace


def install() -> None:
    """Replace moto's reading of bucket policies; harmless when it has been done before."""
    from moto.s3.models import FakeBucket

    replace(FakeBucket, "get_permission", _get_permission, ("self", "action", "resource"))


def _get_permission(self: Any, action: str, resource: str) -> Any:  # noqa: ARG001
    """Have no opinion.

    moto takes ``Deny * unless aws:SecureTransport`` for a denial of everything, since it leaves conditions out. By the
    time a request is here the middleware has decided with all policies and conditions.
    """
    from moto.iam.access_control import PermissionResult

    return PermissionResult.NEUTRAL
