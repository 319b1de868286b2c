"""What all workflows share: how tasks are retried, where a fault leads, how a function, an API or a child is called.

* A *retry* is for what is transient, with full jitter, and short where a name covers more than that.
* A *fault* goes to one ExplainFailure, which unwraps it once; the execution then ends as Failed with that explanation.
* Every call has a timeout, which is a backstop behind the callee's own (see `limits`).
"""

from typing import Any

from state_machines.extension import Catch, ChoiceRule, Fail, Retrier, State, Task
from state_machines.limits import API_SECONDS, FUNCTION_MARGIN_SECONDS, FUNCTION_SECONDS

Json = dict[str, Any]

EXECUTION: Json = {"arn.$": "$$.Execution.Id", "name.$": "$$.Execution.Name"}
ENTERED_AT = "$$.State.EnteredTime"
ERROR = "$.error"
FAULT = "$.fault"

_TRANSIENT_FUNCTION_ERRORS = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    "Transient",  # muster.errors: AWS throttled, or could not answer, for longer than boto3 tries
]


def _retrier(errors: list[str], *, interval: int, attempts: int, longest: int, rate: float = 2.0) -> Retrier:
    return Retrier(
        error_equals=errors,
        interval_seconds=interval,
        max_attempts=attempts,
        backoff_rate=rate,
        max_delay_seconds=longest,
        jitter_strategy="FULL",  # many executions that fail together must not come back together
    )


def function_retries() -> list[Retrier]:
    """Retry what is transient in calling a function; its own typed errors are verdicts on the input, and are not."""
    return [_retrier(_TRANSIENT_FUNCTION_ERRORS, interval=2, attempts=4, longest=30)]


def short_retries(*errors: str) -> list[Retrier]:
    """Retry at most twice, within seconds: for names that cover throttling and a bad request alike."""
    return [_retrier(list(errors), interval=2, attempts=2, longest=10)]


def job_retries() -> list[Retrier]:
    """Retry the creation of a SageMaker job.

    The optimized integration reports throttling and validation under one name, so that name gets three short attempts
    in all. A quota of instances may free itself in minutes. A job that ran and failed (States.TaskFailed) is never
    repeated.
    """
    return [
        *short_retries("SageMaker.AmazonSageMakerException", "SageMaker.SdkClientException"),
        _retrier(["SageMaker.ResourceLimitExceededException"], interval=60, attempts=3, longest=300),
    ]


def function_task(
    state_id: str, function: str, parameters: Json, *, comment: str, seconds: int = FUNCTION_SECONDS, **fields: object
) -> Task:
    """Call a function by its bare ARN: its payload is the result.

    Parameters
    ----------
    function
        Resource name without "Function", such as ``SnapshotData``.
    seconds
        The Timeout that the template gives the function.
    """
    return Task(
        state_id,
        comment=comment,
        resource=f"${{{function}FunctionArn}}",
        parameters=parameters,
        timeout_seconds=seconds + FUNCTION_MARGIN_SECONDS,
        retry=function_retries(),
        **fields,
    )


def api_task(
    state_id: str, action: str, parameters: Json, *, comment: str, patient: bool = False, **fields: object
) -> Task:
    """Call one AWS API through Step Functions' SDK integration.

    Parameters
    ----------
    action
        ``<service>:<operation>`` in the integration's spelling, such as ``sagemaker:updateEndpoint``.
    patient
        Try for about a minute: for a call that only reads, in the middle of something that must not end for its sake.
    """
    service = {"sagemaker": "SageMaker", "cloudwatch": "CloudWatch"}[action.partition(":")[0]]
    # <Service>.<Service>Exception is the SDK's base class: what has no name of its own, throttling among it.
    errors = [f"{service}.{service}Exception", f"{service}.SdkClientException"]
    return Task(
        state_id,
        comment=comment,
        resource=f"arn:${{Partition}}:states:::aws-sdk:{action}",
        parameters=parameters,
        timeout_seconds=API_SECONDS,
        retry=[_retrier(errors, interval=2, attempts=5, longest=30)] if patient else short_retries(*errors),
        **fields,
    )


def event_task(state_id: str, detail_type: str, detail: Json, *, comment: str, **fields: object) -> Task:
    """Put one event on Muster's own bus."""
    entry = {"EventBusName": "${EventBusName}", "Source": "muster", "DetailType": detail_type, "Detail": detail}
    return Task(
        state_id,
        comment=comment,
        resource="arn:${Partition}:states:::events:putEvents",
        parameters={"Entries": [entry]},
        timeout_seconds=API_SECONDS,
        # FailedEntry: the call succeeded and the bus refused the entry.
        retry=[
            _retrier(
                ["EventBridge.FailedEntry", "EventBridge.AmazonEventBridgeException", "EventBridge.SdkClientException"],
                interval=2,
                attempts=4,
                longest=30,
            )
        ],
        **fields,
    )


def execution_retries() -> list[Retrier]:
    """Retry StartExecution. It is safe: the name is the same on every attempt, and one name is one execution."""
    errors = ["StepFunctions.AWSStepFunctionsException", "StepFunctions.SdkClientException"]
    return short_retries(*errors, "StepFunctions.ExecutionLimitExceededException")


def child_task(state_id: str, workflow: str, input_: Json, *, comment: str, seconds: int, result_path: str) -> Task:
    """Run another workflow and wait for it; its output becomes ``<result_path>.result``.

    The child's name is the run's, and the same on every retry: StartExecution with the name and input of an execution
    that runs starts nothing new. Redriving enters the state anew, so that a failed child can be followed by another.

    Parameters
    ----------
    seconds
        The child's own TimeoutSeconds; the task waits a little longer.
    """
    name = f"States.Format('{{}}-{workflow}-{{}}', $.run.run, States.Hash({ENTERED_AT}, 'MD5'))"
    started_by = {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"}  # links the two in the console
    return Task(
        state_id,
        comment=comment,
        resource="arn:${Partition}:states:::states:startExecution.sync:2",
        parameters={
            "StateMachineArn": f"${{{workflow.title()}StateMachineArn}}",
            "Name.$": name,
            "Input": {**input_, **started_by},
        },
        # The whole output and nothing else: DescribeExecution's input, ARNs and dates would only be carried along.
        result_selector={"result.$": "$.Output"},
        result_path=result_path,
        timeout_seconds=seconds + 300,
        retry=execution_retries(),
    )


class Faults:
    """Where a fault leads: ExplainFailure, then Failed; FailedUnexplained when even the explanation fails.

    Attributes
    ----------
    explain
        The state for catches; it puts ``{error, cause, kind}`` at ``$.fault``.
    failed
        Ends the execution with what `explain` found.
    """

    def __init__(self, workflow: str) -> None:
        self._workflow = workflow
        self.failed = Fail(
            "Failed",
            comment="Something broke. A verdict (a gate missed, an approval refused) never ends here.",
            error_path=f"{FAULT}.error",
            cause_path=f"{FAULT}.cause",
        )
        self.unexplained = Fail(
            "FailedUnexplained",
            comment="Something broke, and so did its explanation: the error as Step Functions reported it.",
            error_path=f"{ERROR}.Error",
            cause_path=f"{ERROR}.Cause",
        )
        self.explain = self.explanation(
            "ExplainFailure", "Finds the first cause, such as the training script's own message."
        )
        self.explain.next(self.failed)
        self.explain.add_catch(to(self.unexplained, "$.explain_error"))

    def explanation(self, state_id: str, comment: str) -> Task:
        """Return a task that explains what is at ``$.error``; what follows it is the caller's to say."""
        parameters = {
            "error.$": f"{ERROR}.Error",
            "cause.$": f"{ERROR}.Cause",
            "workflow": self._workflow,
            "execution_arn.$": "$$.Execution.Id",
        }
        return function_task(state_id, "ExplainFailure", parameters, comment=comment, result_path=FAULT)

    def guard(self, *states: State) -> None:
        """Let every fault of these states lead to `explain`."""
        for state in states:
            state.add_catch(to(self.explain))


def to(state: State, result_path: str = ERROR, errors: tuple[str, ...] = ("States.ALL",)) -> Catch:
    """Return a Catch that keeps the state's input and adds the error to it."""
    return Catch(error_equals=list(errors), result_path=result_path, next_step=state)


def equals(path: str, value: str | bool) -> ChoiceRule:
    """Return the rule "the text (or the boolean) at `path` is `value`"."""
    if isinstance(value, bool):
        return ChoiceRule.BooleanEquals(path, value)
    return ChoiceRule.StringEquals(path, value)


def one_of(path: str, *values: str) -> ChoiceRule:
    """Return the rule "the text at `path` is one of `values`"."""
    return ChoiceRule.Or([equals(path, value) for value in values])


def every(*rules: ChoiceRule) -> ChoiceRule:
    """Return the rule "all of `rules`", tried in their order."""
    return ChoiceRule.And(list(rules))
