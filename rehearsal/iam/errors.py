"""What the rehearsed IAM raises: a denial as AWS words it, and gaps of the rehearsal, which are never passed over."""

from __future__ import annotations


class AccessDenied(Exception):
    """A principal may not do what it asked for.

    Attributes
    ----------
    action, resource
        The IAM action and the ARN (or ``*``) that were refused.
    reason
        The part of the message that says which kind of policy refused.
    """

    def __init__(self, message: str, action: str, resource: str, reason: str) -> None:
        super().__init__(message)
        self.message = message
        self.action = action
        self.resource = resource
        self.reason = reason


class UnknownCredentials(Exception):
    """An access key that no ``assume`` of this rehearsal has given out, or a token that does not belong to it."""


class RehearsalGap(Exception):
    """Something that AWS can do and the rehearsal cannot: always an error, so that nothing is allowed by mistake."""


class UnknownOperation(RehearsalGap):
    """An API operation for which the rehearsal does not know the IAM actions and resources."""


class UnsupportedPolicy(RehearsalGap):
    """A policy that is malformed, or that uses an element, operator or condition key the rehearsal does not know."""
