"""The rehearsed IAM: who acts with which role, what its policies allow, and a record of every permission asked for.

`host.iam` is an `Identities`. A principal that may not do something is refused in AWS's words and shape; what the
rehearsal itself does not know (an operation, a condition key) is an error that names it, never allowed in silence.
"""

from __future__ import annotations

from rehearsal.host import Host
from rehearsal.iam.errors import AccessDenied, RehearsalGap, UnknownOperation, UnsupportedPolicy
from rehearsal.iam.identities import Identities
from rehearsal.iam.middleware import Middleware, Watcher
from rehearsal.iam.principals import PERSON, ServicePrincipal, Session
from rehearsal.iam.recorder import Call

__all__ = [
    "PERSON",
    "AccessDenied",
    "Call",
    "Identities",
    "RehearsalGap",
    "ServicePrincipal",
    "Session",
    "UnknownOperation",
    "UnsupportedPolicy",
    "Watcher",
    "install",
]


def install(host: Host) -> None:
    """Give the host its identities and put the middleware before the server."""
    from rehearsal.iam import buckets, sts, subscriptions

    host.iam = Identities(host)
    host.middleware.append(lambda app: Middleware(app, host, host.iam.watchers))
    sts.install()
    buckets.install()
    subscriptions.install()
