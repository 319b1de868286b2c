"""The `rollback` workflow: an endpoint back to its last known good model, by the same steps as a deployment.

Input ``RollbackRequest``; output ``DeploymentResult``.
"""

from state_machines.alarms import create_alarms
from state_machines.extension import Graph
from state_machines.rollout import Rollout


def build() -> Graph:
    """Return the state machine."""
    rollout = Rollout("rollback", "rollback", creates=False)
    plan = rollout.plan("PlanRollback", "Finds the last known good configuration, and writes down the way back to it.")
    alarms = create_alarms()
    start = rollout.claim(plan, alarms)
    alarms.next(rollout.update())
    rollout.guard(alarms)
    return rollout.finish(
        start,
        comment="Takes an endpoint back to its last known good model, and proves it. Started by hand or by an alarm.",
        smallest_input='{"endpoint": "<name>"}',
    )
