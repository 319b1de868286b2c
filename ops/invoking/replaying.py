"""Every function of a build, invoked once in the emulator against an installation that has a first version deployed.

A function that took part in the deployment gets the event that it got then: every write can be repeated, so it has to succeed
again. The others get their sample.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.aws.ledger import Ledger
from muster.aws.ledger_models import Models
from ops import datasets
from ops.demo import watching
from ops.demo.story import MODEL, Story
from ops.demo.telling import Teller
from ops.invoking.emulator import Emulator, Invocation
from ops.invoking.events import Call, sample
from ops.invoking.functions import Function
from ops.invoking.variables import Variables
from ops.packaging import read_spec
from ops.stage import Stage


@dataclass(frozen=True)
class Answer:
    """What one function answered.

    Attributes
    ----------
    function
        Its name.
    before
        What it answered when it got the same event in the deployment; None for a sample.
    got
        What came of the event now.
    """

    function: str
    before: Any
    got: Invocation

    @property
    def changed(self) -> dict[str, Any]:
        """The members of the answer that are others than before: what has happened since, seen by the function."""
        before, now = self.before or {}, self.got.payload
        return {key: value for key, value in now.items() if key not in before or before[key] != value}


def deploy_first_version(stage: Stage) -> None:
    """Train, approve and deploy the reference model, and freeze the rows that later versions are judged on too."""
    story = Story(stage, Teller())
    package = story.train()
    # From now on there is a champion, and whoever plans an evaluation asks for the recent holdout.
    datasets.put_holdout(story.sam, read_spec(MODEL), "recent", MODEL / "data" / "holdout_recent.csv")
    story.approve_and_deploy(package)
    models = Models(Ledger(story.all.client("dynamodb"), story.all.ledger))
    watching.until(lambda: models.champion(story.model), "the champion pointer, which an event moves")


def invoke(function: Function, variables: Variables, event: Any) -> Invocation:
    """Invoke one function once."""
    with Emulator(
        function.code,
        function.layers,
        variables[function.logical_id],
        name=function.name,
        handler=function.handler,
        memory_mb=function.memory_mb,
        timeout_seconds=function.timeout_seconds,
    ) as emulator:
        return emulator.invoke(event)


def invoke_all(functions: Mapping[str, Function], variables: Variables, calls: Sequence[Call]) -> Iterator[Answer]:
    """Invoke every function: those that were called in the order of their calls, then those with samples, `reconcile` last.

    The order matters: a claim that is repeated is a lease that the recording of its deployment gives back, and reconcile mends
    what is left half done.
    """
    called = {call.function: call for call in calls}
    rest = sorted(functions.keys() - called.keys(), key=lambda name: (name == "reconcile", name))
    for name in (*called, *rest):
        call = called.get(name)
        event = call.event if call else sample(name, variables[functions[name].logical_id])
        yield Answer(name, call.answer if call else None, invoke(functions[name], variables, event))
