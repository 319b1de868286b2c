"""The part that `deployment` and `rollback` share: switch, wait, verify, undo, record.

Everything after the claim travels in one state object::

    {claim, plan, verification, restored, fault, wait: {phase, index, seconds, steps}, endpoint, error}

``wait.phase`` says how far the endpoint was touched, and so what a fault has to undo: ``none`` (nothing), ``deploy``
or ``rollback`` (the endpoint was told to change), ``restore`` (it was told to go back), ``undo_failed`` (it could not
be). Whatever goes wrong after the switch, the previous configuration is put back, the record is written and the lease
is freed.
"""

from typing import Literal

from state_machines.extension import Choice, ChoiceRule, Graph, Pass, State, Wait
from state_machines.limits import ENDPOINT_LOOKS, ENDPOINT_WAIT_SECONDS
from state_machines.machine import machine
from state_machines.policies import (
    ENTERED_AT,
    EXECUTION,
    FAULT,
    Faults,
    Json,
    api_task,
    equals,
    every,
    function_task,
    one_of,
    to,
)

Phase = Literal["deploy", "rollback"]
_SETTLED = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")
_VERIFY_SECONDS = 300

# Back to what served before: at once, and without alarms, since an alarm that rings now would undo the undoing.
_ALL_AT_ONCE: Json = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
        "TerminationWaitInSeconds": 0,
        "MaximumExecutionTimeoutInSeconds": 3600,
    }
}


class Rollout:
    """Builds the shared states.

    Parameters
    ----------
    workflow
        Who asks: goes into records and explanations.
    phase
        What `verify_deployment` is told about the first switch.
    creates
        Whether there may be no endpoint yet; then undoing is deleting it.
    """

    def __init__(self, workflow: Literal["deployment", "rollback"], phase: Phase, *, creates: bool) -> None:
        self._workflow = workflow
        self._phase = phase
        self._creates = creates
        self._faults = Faults(workflow)
        self._record_fault = self._record(
            "RecordFault", "The attempt failed: say so, and free the lease.", result_path=None
        )
        self._restore, self._delete = self._undoing()
        self.wait = self._next_wait()
        self._connect_faults()

    # ---- what the workflows use

    def claim(self, plan: State, ready: State) -> State:
        """Return the beginning: claim the endpoint, then `plan`, then, if the plan is ready, `ready`."""
        claim = function_task(
            "ClaimEndpoint",
            "ClaimEndpoint",
            {"request.$": "$", "workflow": self._workflow, "execution": EXECUTION, "entered_at.$": ENTERED_AT},
            comment="One conditional write: nobody else changes this endpoint now, and nobody did this before.",
            result_selector={
                "claim.$": "$",
                "plan": None,
                "verification": None,
                "restored": {"verdict": "none"},
                "fault": None,
                "wait": {"phase": "none", "index": 0},
            },
        )
        claimed = Choice("Claimed?", comment="Busy, or deployed already: an outcome, not a failure.")
        refused = Pass(
            "Refused",
            comment="Nothing was claimed, so there is nothing to free.",
            parameters={
                "outcome": "refused",
                "endpoint.$": "$.claim.endpoint",
                "config_name": None,
                "package_arn.$": "$.claim.package_arn",
                "evidence_digest.$": "$.claim.evidence_digest",
                "reasons.$": "States.Array($.claim.reason)",
            },
        )
        is_ready = Choice("Ready?", comment="The preflight may find that registry or ledger says no.")
        refusal = self._record("RecordRefusal", "The preflight said no: say so, and free the lease.")

        claim.next(claimed)
        claimed.add_choice(equals("$.claim.status", "claimed"), plan)
        claimed.default_choice(refused)
        plan.next(is_ready)
        is_ready.add_choice(equals("$.plan.status", "ready"), ready)
        is_ready.default_choice(refusal)
        self.guard(claim, plan, refusal)
        return claim

    def plan(self, state_id: str, comment: str) -> State:
        """Return the task that plans this rollout."""
        parameters = {"claim.$": "$.claim", "execution": EXECUTION, "entered_at.$": ENTERED_AT}
        return function_task(state_id, state_id, parameters, comment=comment, result_path="$.plan")

    def update(self) -> State:
        """Return the switch: UpdateEndpoint with the plan's blue/green policy, and on to the wait."""
        update = self._update(
            "UpdateEndpoint",
            config="$.plan.config_name",
            policy={"DeploymentConfig.$": "$.plan.deployment_config"},
            phase=self._phase,
            comment="SageMaker shifts the traffic, and takes it back by itself when an alarm rings.",
        )
        update.next(self.wait)
        self.guard(update)
        return update

    def guard(self, *states: State) -> None:
        """Let every fault of these states be explained, undone and recorded."""
        self._faults.guard(*states)

    def finish(self, start: State, *, comment: str, smallest_input: str) -> Graph:
        """Return the state machine. The endpoint may be waited for twice: for the switch, and for its undoing."""
        waits, visits = {"WaitForEndpoint": 2 * ENDPOINT_WAIT_SECONDS}, {"DescribeEndpoint": 2 * ENDPOINT_LOOKS}
        return machine(start, comment=comment, smallest_input=smallest_input, waits=waits, visits=visits)

    # ---- waiting and verifying

    def _next_wait(self) -> State:
        """Wait in steps that grow, never past the plan's last one: four transitions each."""
        step = Pass(
            "NextWait",
            comment="Takes the next of the plan's waits.",
            parameters={
                "phase.$": "$.wait.phase",
                "seconds.$": "States.ArrayGetItem($.plan.wait_steps, $.wait.index)",
                "index.$": "States.MathAdd($.wait.index, 1)",
                "steps.$": "States.ArrayLength($.plan.wait_steps)",
            },
            result_path="$.wait",
        )
        wait = Wait("WaitForEndpoint", seconds_path="$.wait.seconds")
        describe = api_task(
            "DescribeEndpoint",
            "sagemaker:describeEndpoint",
            {"EndpointName.$": "$.plan.endpoint"},
            comment="An endpoint has no event that could be relied on, so it is looked at.",
            patient=True,
            result_path="$.endpoint",
        )
        settled = Choice("EndpointSettled?", comment="Creating, updating and rolling back go on; all else is an end.")
        stuck = Pass(
            "EndpointStuck",
            comment="The plan's waits are used up. What changes cannot be told to change; reconcile looks at it later.",
            parameters={
                "Error": "EndpointStuck",
                "Cause.$": "States.Format('endpoint {}: found {} after all {} waits of its rollout, wanted an end', "
                "$.plan.endpoint, $.endpoint.EndpointStatus, $.wait.steps)",
            },
            result_path="$.error",
        )
        step.next(wait)
        wait.next(describe)
        describe.next(settled)
        is_settled = one_of("$.endpoint.EndpointStatus", *_SETTLED)
        settled.add_choice(every(equals("$.wait.phase", "restore"), is_settled), self._verify_restore())
        settled.add_choice(is_settled, self._verify())
        settled.add_choice(ChoiceRule.NumericGreaterThanEqualsPath("$.wait.index", "$.wait.steps"), stuck)
        settled.default_choice(step)
        stuck.next(self._faults.explain)
        self.guard(describe)
        self._restore.next(step)
        return step

    def _verify(self) -> State:
        verify = self._verification("VerifyDeployment", "$.wait.phase", "$.verification")
        verdict = Choice("Verdict?", comment="Serves as planned, was rolled back by SageMaker, or answers wrongly.")
        record = self._record("RecordDeployment", "History, what serves now, the lease, the event for the build side.")
        verify.next(verdict)
        unhealthy = equals("$.verification.verdict", "unhealthy")
        if self._delete is None:
            verdict.add_choice(unhealthy, self._restore)
        else:
            verdict.add_choice(every(unhealthy, equals("$.plan.endpoint_exists", True)), self._restore)
            verdict.add_choice(unhealthy, self._delete)
        verdict.default_choice(record)
        self.guard(verify, record)
        return verify

    def _verify_restore(self) -> State:
        verify = self._verification("VerifyRestore", "restore", "$.restored")
        undone = Choice("Undone?", comment="Was the change undone because of a verdict, or because of a fault?")
        lost = Pass(
            "RestoreUnhealthy",
            comment="Neither configuration serves well: somebody has to look now.",
            parameters={
                "Error": "RestoreUnhealthy",
                "Cause.$": "States.Format('endpoint {}: found {} not serving well after it was put back ({}), "
                "wanted it as it was: see the runbook', "
                "$.plan.endpoint, $.plan.previous_config, States.JsonToString($.restored.reasons))",
            },
            result_path="$.error",
        )
        verify.next(undone)
        undone.add_choice(equals("$.restored.verdict", "unhealthy"), lost)
        undone.add_choice(ChoiceRule.IsNull(FAULT, False), self._record_fault)
        undone.default_choice(self._after_undoing())
        lost.next(self._faults.explain)
        if self._delete is not None:
            self._delete.next(undone)
        self.guard(verify)
        return verify

    def _after_undoing(self) -> State:
        """What an undone change means: a deployment was rolled back, and a rollback has failed."""
        if self._phase == "deploy":
            verification = {"verdict": "rolled_back", "reasons.$": "$.verification.reasons"}
            record = self._record(
                "RecordRolledBack",
                "The previous model serves; the reasons are those for which the new one does not.",
                verification={"verification": verification},
            )
            self.guard(record)
            return record
        failed = Pass(
            "TargetUnhealthy",
            comment="The last known good model is not good any more; what served before serves again.",
            parameters={
                "Error": "TargetUnhealthy",
                "Cause.$": "States.Format('endpoint {}: found {} not serving well ({}), wanted the last known good "
                "model: {} serves again, see the runbook', $.plan.endpoint, $.plan.config_name, "
                "States.JsonToString($.verification.reasons), $.plan.previous_config)",
            },
            result_path="$.error",
        )
        failed.next(self._faults.explain)
        return failed

    def _verification(self, state_id: str, phase: str, result_path: str) -> State:
        return function_task(
            state_id,
            "VerifyDeployment",
            {
                "plan.$": "$.plan",
                **({"phase.$": phase} if phase.startswith("$") else {"phase": phase}),
                "endpoint.$": "$.endpoint",
                "entered_at.$": ENTERED_AT,
            },
            comment="Compares configuration, image and weights with the plan, and asks the golden records.",
            seconds=_VERIFY_SECONDS,
            result_path=result_path,
        )

    # ---- undoing, recording, failing

    def _undoing(self) -> tuple[State, State | None]:
        restore = self._update(
            "RestorePrevious",
            config="$.plan.previous_config",
            policy={"DeploymentConfig": _ALL_AT_ONCE},
            phase="restore",
            comment="All at once back to the configuration that served before.",
        )
        if not self._creates:
            return restore, None
        delete = api_task(
            "DeleteEndpoint",
            "sagemaker:deleteEndpoint",
            {"EndpointName.$": "$.plan.endpoint"},
            comment="The first model of this endpoint is not fit to serve, and there is none to go back to.",
            result_selector={"phase": "restore", "index": 0},
            result_path="$.wait",
        )
        return restore, delete

    def _connect_faults(self) -> None:
        """After the claim a fault is explained, then undone if the endpoint was touched, then recorded."""
        explain, failed = self._faults.explain, self._faults.failed
        undo = Choice("WhatToUndo?", comment="Only what this execution changed, and only once.")
        touched = equals("$.wait.phase", self._phase)
        undo.add_choice(ChoiceRule.IsPresent("$.claim", False), failed)
        undo.add_choice(equals("$.error.Error", "EndpointStuck"), self._record_fault)
        if self._delete is None:
            undo.add_choice(touched, self._restore)
        else:
            undo.add_choice(every(touched, equals("$.plan.endpoint_exists", True)), self._restore)
            undo.add_choice(touched, self._delete)
        undo.default_choice(self._record_fault)
        explain.next(undo)

        unexplained = Pass(
            "Unexplained",
            comment="The explanation broke too: the fault stays as it was reported, and is undone all the same.",
            parameters={"error.$": "$.error.Error", "cause.$": "$.error.Cause", "kind": "other"},
            result_path=FAULT,
        )
        unexplained.next(undo)
        explain.catches.clear()
        explain.add_catch(to(unexplained, "$.explain_error"))

        undo_failed = Pass(
            "UndoFailed",
            comment="It could not be put back: explained and recorded, and not tried again.",
            result={"phase": "undo_failed", "index": 0},
            result_path="$.wait",
        )
        undo_failed.next(explain)
        for state in (self._restore, self._delete):
            if state is not None:
                state.add_catch(to(undo_failed))

        self._record_fault.next(failed)
        # Not to `explain`: that would come back here. settle_execution frees the lease of an execution that failed.
        self._record_fault.add_catch(to(failed))

    def _update(self, state_id: str, *, config: str, policy: Json, phase: str, comment: str) -> State:
        return api_task(
            state_id,
            "sagemaker:updateEndpoint",
            {"EndpointName.$": "$.plan.endpoint", "EndpointConfigName.$": config, **policy},
            comment=comment,
            result_selector={"phase": phase, "index": 0},
            result_path="$.wait",
        )

    def _record(
        self, state_id: str, comment: str, *, verification: Json | None = None, result_path: str | None = "$"
    ) -> State:
        parameters = {
            "claim.$": "$.claim",
            "plan.$": "$.plan",
            **(verification or {"verification.$": "$.verification"}),
            "fault.$": FAULT,
            "workflow": self._workflow,
            "execution": EXECUTION,
            "entered_at.$": ENTERED_AT,
        }
        return function_task(state_id, "RecordDeployment", parameters, comment=comment, result_path=result_path)
