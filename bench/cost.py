"""What a train-to-deployed run costs besides its jobs and endpoint: transitions and Lambda, as a function of its waits.

Waiting for a person is one state with a task token: a day costs what a minute does. A rollout is looked at in steps that
grow (`muster.rollout.wait_steps`), four transitions each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from muster import rollout
from ops.console import out, table

TRANSITION = 0.03 / 1000
"""Dollars, Standard workflows in both GovCloud regions (aws.amazon.com/step-functions/pricing, an old capture)."""
GB_SECOND, REQUEST = 0.0000166667, 0.20 / 1e6
"""Dollars, x86 in us-east-1 (aws.amazon.com/lambda/pricing); no source was found for GovCloud."""
MEMORY_GB = 0.5
TRANSITIONS_PER_LOOK = 4
ROLLOUTS = (60, 600, 1_800, 3_600, 14_400, 28_800)
"""Seconds until an endpoint has settled; 28,800 is SageMaker's longest."""


@dataclass(frozen=True)
class Run:
    """What was counted: transitions and Lambda calls from the start of a pipeline to its deployed model, and looks."""

    transitions: int
    lambda_calls: int
    looks: int

    @property
    def apart_from_waits(self) -> int:
        """Transitions that every such run makes."""
        return self.transitions - TRANSITIONS_PER_LOOK * self.looks


def looks(seconds: int) -> int:
    """Return how often an endpoint is looked at until it has settled after so many seconds."""
    passed = count = 0
    for step in rollout.wait_steps(max(seconds, 1)):
        passed, count = passed + step, count + 1
        if passed >= seconds:
            break
    return count


def show(runs: Sequence[Run], seconds_per_call: float) -> None:
    """Print what was counted, and the cost by rollout time; ``seconds_per_call`` is the measured mean of a Lambda call."""
    for name, run in zip(("first model", "replacement"), runs, strict=True):
        out.print(
            f"{name}: {run.transitions} transitions ({run.apart_from_waits} and {TRANSITIONS_PER_LOOK} for each of "
            f"{run.looks} looks at the endpoint), {run.lambda_calls} Lambda calls of its workflows"
        )
    run = runs[-1]
    gb_seconds = run.lambda_calls * seconds_per_call * MEMORY_GB
    compute = gb_seconds * GB_SECOND + run.lambda_calls * REQUEST
    rows = []
    for seconds in ROLLOUTS:
        transitions = run.apart_from_waits + TRANSITIONS_PER_LOOK * looks(seconds)
        dollars = transitions * TRANSITION
        rows.append((f"{seconds:,}", transitions, f"{gb_seconds:.2f}", f"{dollars:.4f}", f"{compute:.6f}"))
    columns = ["rollout, s", "transitions", "Lambda GB-s", "$ transitions", "$ Lambda at us-east-1's price"]
    out.print(table(columns, rows, right=(0, 1, 2, 3, 4)))
