"""Task tokens: given out once per attempt, answered once, timed by the rehearsal's clock.

moto makes one token per state (a retry would wait on the token that has just timed out), drops the cause of
SendTaskFailure, looks for tokens in running executions only, and never closes one. AWS: each attempt has a new token,
and an answer to a token whose task is closed, for whatever reason, is refused with TaskTimedOut
(API reference, SendTaskSuccess: InvalidToken, TaskTimedOut, InvalidOutput).
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass
from typing import Any

from rehearsal.clock import FOREVER, Clock


@dataclass(frozen=True)
class Answer:
    """What SendTaskSuccess (`output`) or SendTaskFailure (`error`, `cause`) said."""

    success: bool
    output: Any = None
    error: str | None = None
    cause: str | None = None


class TaskToken:
    """One token and the wait for its answer."""

    def __init__(self, clock: Clock, execution: str, state: str) -> None:
        # AWS's tokens are long and opaque; nobody may take one for a UUID or parse it.
        self.value = "AQC" + uuid.uuid4().hex + uuid.uuid4().hex
        self.execution = execution
        self.state = state
        self.answer: Answer | None = None
        self.closed = False
        self._clock = clock
        self._lock = threading.Lock()
        self._changed = clock.event()
        self._beaten = False

    def send(self, answer: Answer) -> bool:
        """Take the first answer; False when the token is closed or has one."""
        with self._lock:
            if self.closed or self.answer is not None:
                return False
            self.answer = answer
        self._changed.set()
        return True

    def beat(self) -> bool:
        """Take a heartbeat; False when the token is closed."""
        with self._lock:
            if self.closed or self.answer is not None:
                return False
            self._beaten = True
        self._changed.set()
        return True

    def close(self) -> None:
        """Refuse answers from now on and end the wait."""
        with self._lock:
            self.closed = True
        self._changed.set()

    def wait(self, heartbeat: float | None) -> Answer | None:
        """Wait for the answer; None when the token was closed meanwhile.

        Raises
        ------
        TimeoutError
            When no heartbeat came for `heartbeat` seconds.
        """
        while True:
            changed = self._clock.sleep(FOREVER if heartbeat is None else heartbeat, self._changed)
            with self._lock:
                if self.answer is not None:
                    return self.answer
                if self.closed:
                    return None
                if not changed:
                    raise TimeoutError(f"no heartbeat for {heartbeat} seconds")
                if self._beaten:
                    self._beaten = False
                    self._changed.clear()


class Tokens:
    """All tokens of one runtime."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, TaskToken] = {}

    def open(self, execution: str, state: str) -> TaskToken:
        """Give out a token for one attempt of a state."""
        token = TaskToken(self._clock, execution, state)
        with self._lock:
            self._tokens[token.value] = token
        return token

    def get(self, value: str) -> TaskToken | None:
        """Return a token that was given out, closed or not."""
        with self._lock:
            return self._tokens.get(value)

    def waiting(self, execution: str) -> list[TaskToken]:
        """Return the tokens of an execution that wait for an answer."""
        with self._lock:
            return [
                token
                for token in self._tokens.values()
                if token.execution == execution and not token.closed and token.answer is None
            ]


def install() -> None:
    """Replace the token operations of moto's backend, and the response that drops the cause."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend as Backend
    from moto.stepfunctions.responses import StepFunctionResponse as Response

    from rehearsal.patching import replace

    replace(Backend, "send_task_success", _send_task_success, ("self", "task_token", "outcome"))
    replace(Backend, "send_task_failure", _send_task_failure, ("self", "task_token", "error", "cause"))
    replace(Backend, "send_task_heartbeat", _send_task_heartbeat, ("self", "task_token"))
    replace(Response, "send_task_failure", _respond_send_task_failure, ("self",))


def _found(value: str) -> TaskToken:
    from rehearsal.stepfunctions import runtime
    from rehearsal.stepfunctions.api_errors import InvalidToken

    token = runtime.current().tokens.get(value or "")
    if token is None:
        raise InvalidToken("Invalid Token: 'Invalid token'")
    return token


def _closed() -> Exception:
    from rehearsal.stepfunctions.api_errors import TaskTimedOut

    return TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")


def _send_task_success(_: Any, task_token: str, outcome: str) -> None:
    from rehearsal.stepfunctions.api_errors import InvalidOutput

    try:
        output = json.loads(outcome)
    except (TypeError, ValueError) as error:
        raise InvalidOutput(f"Invalid Output: '{error}'") from None
    if not _found(task_token).send(Answer(True, output)):
        raise _closed()


def _send_task_failure(_: Any, task_token: str, error: str | None = None, cause: str | None = None) -> None:
    if not _found(task_token).send(Answer(False, None, error, cause)):
        raise _closed()


def _send_task_heartbeat(_: Any, task_token: str) -> None:
    if not _found(task_token).beat():
        raise _closed()


def _respond_send_task_failure(self: Any) -> Any:
    from moto.core.responses import EmptyResult

    self.stepfunction_backend.send_task_failure(
        self._get_param("taskToken"), error=self._get_param("error"), cause=self._get_param("cause")
    )
    return EmptyResult()
