"""Errors of the Step Functions API that moto lacks or words in another way. Names and texts are the service's own."""

from __future__ import annotations

from moto.core.exceptions import AWSError


class InvalidToken(AWSError):
    """No task has this token."""

    TYPE = "InvalidToken"
    STATUS = 400


class TaskTimedOut(AWSError):
    """The token's task is closed: answered, timed out, or its execution has ended."""

    TYPE = "TaskTimedOut"
    STATUS = 400


class InvalidOutput(AWSError):
    """The output of SendTaskSuccess is not JSON."""

    TYPE = "InvalidOutput"
    STATUS = 400


class InvalidName(AWSError):
    """The execution's name has a character that is not allowed, or too many."""

    TYPE = "InvalidName"
    STATUS = 400


class InvalidExecutionInput(AWSError):
    """The input is not JSON."""

    TYPE = "InvalidExecutionInput"
    STATUS = 400


class InvalidDefinition(AWSError):
    """The definition is not a state machine."""

    TYPE = "InvalidDefinition"
    STATUS = 400


class AccessDenied(AWSError):
    """The state machine's role lacks what Step Functions asks for when it is created."""

    TYPE = "AccessDeniedException"
    STATUS = 400
