"""Every Task has a timeout, retries what is transient and only that, and catches the rest."""

import math
from collections.abc import Iterator

from checks.findings import Finding, Result, result
from checks.located import Located
from checks.tree import Placed, Tree, machines, tasks

_MOST_ATTEMPTS = 5
_AMBIGUOUS = {"SageMaker.AmazonSageMakerException": 2}
"""The optimized integration reports throttling and a bad request under this one name: few, short attempts."""
_NEVER_RETRIED = ("States.ALL", "States.TaskFailed", "States.Timeout", "States.Permissions")
"""A failed job, an elapsed timeout and a denied call do not get better; States.ALL covers all of them, and typed errors."""


def check(tree: Tree) -> Result:
    """Find Tasks without timeout, retry or catch, and retries of what is not transient."""
    found: list[Finding] = []
    count = 0
    for document in tree.definitions.values():
        for state in tasks(document):
            count += 1
            found += [*_timeout(state), *_retry(state), *_catch(document, state)]
    return result(f"{count} tasks", found)


def _finding(state: Placed, message: str, *inside: str | int) -> Finding:
    return Finding(state.document.path, state.line(*inside), f"{state.where}: {message}")


def _timeout(state: Placed) -> Iterator[Finding]:
    given = [key for key in ("TimeoutSeconds", "TimeoutSecondsPath") if key in state.body]
    if len(given) != 1:
        yield _finding(state, f"found {' and '.join(given) or 'no timeout'}, wanted one of the two")


def _retry(state: Placed) -> Iterator[Finding]:
    if not state.body.get("Retry"):
        yield _finding(state, "found no Retry, wanted one for what is transient")
    for index, retrier in enumerate(state.body.get("Retry", ())):
        here = ("Retry", index)
        wrong = sorted(set(_NEVER_RETRIED) & set(retrier["ErrorEquals"]))
        if wrong:
            yield _finding(state, f"found a Retry of {', '.join(wrong)}, wanted transient errors only", *here)
        for key in ("IntervalSeconds", "MaxAttempts", "MaxDelaySeconds"):
            if key not in retrier:
                yield _finding(state, f"found a Retry without {key}, wanted it", *here)
        if retrier.get("JitterStrategy") != "FULL":
            yield _finding(state, f"found JitterStrategy {retrier.get('JitterStrategy')}, wanted FULL", *here)
        most = min(_AMBIGUOUS.get(error, _MOST_ATTEMPTS) for error in retrier["ErrorEquals"])
        if retrier.get("MaxAttempts", 0) > most:
            message = f"found MaxAttempts {retrier['MaxAttempts']}, wanted at most {most}"
            yield _finding(state, message, *here, "MaxAttempts")
        if retrier.get("MaxDelaySeconds", math.inf) < retrier.get("IntervalSeconds", 0):
            yield _finding(state, "found MaxDelaySeconds below IntervalSeconds, wanted at least that", *here)


def _catch(document: Located, state: Placed) -> Iterator[Finding]:
    """A Task inside of a Parallel or Map state is caught by that state."""
    catcher = state if len(state.place) == 2 else _outermost(document, state)
    catches = catcher.body.get("Catch", ())
    if not catches or catches[-1]["ErrorEquals"] != ["States.ALL"]:
        yield _finding(catcher, "found no Catch of States.ALL at the end, wanted one")
    for index, each in enumerate(catches):
        if not str(each.get("ResultPath")).startswith("$."):
            message = (
                f"found a Catch with ResultPath {each.get('ResultPath')}, wanted $.<name>: the input has to survive"
            )
            yield _finding(catcher, message, "Catch", index)


def _outermost(document: Located, state: Placed) -> Placed:
    top = next(machines(document))
    return next(each for each in top.states if each.name == state.place[1])
