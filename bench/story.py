"""Where the demo's time goes, and what a train-to-deployed run costs: the demo itself is run and read."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from bench import cost
from muster import naming
from ops import executions
from ops.console import out, table
from ops.demo import watching
from ops.demo.story import FACTOR, Story
from ops.demo.telling import Teller
from ops.stage import Stage


@dataclass
class Meter:
    """Sums what the rehearsal tells: real seconds of Lambda functions, by function, and how many starts were cold."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    cold: int = 0

    def __call__(self, event: dict[str, Any]) -> None:
        """Take in one event of the rehearsal."""
        if event["kind"] == "lambda":
            self.seconds[event["function"]].append(event["seconds"])
            self.cold += event["cold"]


def show() -> bool:
    """Play the demo, print its steps, then what its first run and its replacement cost."""
    meter, teller = Meter(), Teller()
    with Stage(factor=FACTOR, on_event=meter) as stage:
        story = Story(stage, teller)
        story.play()
        runs = [_counted(stage, pipeline) for pipeline in story.runs[:2]]
    total = sum(line.seconds for line in teller.lines)
    rows = [(line.title, f"{line.seconds:.1f}", f"{100 * line.seconds / total:.0f} %") for line in teller.lines]
    out.print(table(["step of the demo", "seconds", "share"], rows, right=(1, 2)))
    calls = [each for found in meter.seconds.values() for each in found]
    out.print(
        f"{total:.1f} s in steps; {len(calls)} Lambda calls, {meter.cold} of them cold, ran for {sum(calls):.1f} s in all"
    )
    cost.show(runs, sum(calls) / len(calls))
    return True


def _counted(stage: Stage, pipeline: str) -> cost.Run:
    """Count the transitions and Lambda calls of one pipeline, its children and its deployment."""
    installation = stage.everything()
    sfn, prefix = installation.client("stepfunctions"), naming.job_prefix(naming.run_id(pipeline))
    arns = [pipeline]
    for workflow in ("training", "evaluation", "registration", "approval"):
        listed = sfn.list_executions(stateMachineArn=installation.state_machines[workflow])["executions"]
        arns += [each["executionArn"] for each in listed if each["name"].startswith(prefix)]
    package = executions.describe(installation, pipeline).output["package_arn"]
    deployment = watching.until(lambda: watching.deployment_of(installation, package), "the deployment")
    counts = [executions.counted(installation, each) for each in (*arns, deployment)]
    looks = sum(state == "WaitForEndpoint" for _, state in executions.states(installation, deployment))
    return cost.Run(sum(each.transitions for each in counts), sum(each.lambda_calls for each in counts), looks)
