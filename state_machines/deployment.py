"""The `deployment` workflow: an approved package to an endpoint, blue/green behind alarms, verified and recorded.

Input ``DeploymentRequest``; output ``DeploymentResult``.
"""

from state_machines.alarms import create_alarms
from state_machines.extension import Choice, ChoiceRule, Graph, State
from state_machines.policies import Json, api_task, equals
from state_machines.rollout import Rollout


def build() -> Graph:
    """Return the state machine."""
    rollout = Rollout("deployment", "deploy", creates=True)
    plan = rollout.plan(
        "PlanDeployment",
        "Preflight: registry and ledger both say yes to this digest. Then the rollout, written down.",
    )
    exists = Choice("EndpointExists?", comment="The first model of an endpoint has nothing to shift traffic from.")
    create = _create_endpoint()
    alarms = create_alarms()
    start = rollout.claim(plan, _create_model(rollout, alarms))

    alarms.next(exists)
    exists.add_choice(equals("$.plan.endpoint_exists", True), rollout.update())
    exists.default_choice(create)
    create.next(rollout.wait)
    rollout.guard(alarms, create)
    return rollout.finish(
        start,
        comment="Deploys an approved model package and proves that it serves, or puts back what served. Started by the "
        "event ModelApproved, or by hand.",
        smallest_input='{"model_package_arn": "<package>", "evidence_digest": "<sha256 that was approved>"}',
    )


def _create_model(rollout: Rollout, following: State) -> State:
    """Model and configuration, named by the plan; they serve nothing until the endpoint is told to."""
    model = api_task(
        "CreateModel",
        "sagemaker:createModel",
        {
            "ModelName.$": "$.plan.model_request.ModelName",
            "PrimaryContainer.$": "$.plan.model_request.PrimaryContainer",
            "VpcConfig.$": "$.plan.model_request.VpcConfig",
            "EnableNetworkIsolation": True,
            "ExecutionRoleArn": "${EndpointRoleArn}",
            "Tags.$": "$.plan.model_request.Tags",
        },
        comment="The sealed artifact in the pinned image, isolated from the network.",
        result_path=None,
    )
    asked = Choice("CaptureAsked?", comment="Data capture is a member that cannot be left empty.")
    members = {
        "EndpointConfigName.$": "$.plan.config_request.EndpointConfigName",
        "ProductionVariants.$": "$.plan.config_request.ProductionVariants",
        "KmsKeyId": "${ModelsKeyArn}",
        "Tags.$": "$.plan.config_request.Tags",
    }
    plain = _config("CreateEndpointConfig", members, "Instances and traffic; what is asked and answered is not kept.")
    capture = {"DataCaptureConfig.$": "$.plan.config_request.DataCaptureConfig"}
    capturing = _config("CreateCapturingConfig", {**members, **capture}, "The same, and requests and answers are kept.")
    model.next(asked)
    asked.add_choice(ChoiceRule.IsPresent("$.plan.config_request.DataCaptureConfig", True), capturing)
    asked.default_choice(plain)
    plain.next(following)
    capturing.next(following)
    rollout.guard(model, plain, capturing)
    return model


def _config(state_id: str, members: Json, comment: str) -> State:
    return api_task(state_id, "sagemaker:createEndpointConfig", members, comment=comment, result_path=None)


def _create_endpoint() -> State:
    return api_task(
        "CreateEndpoint",
        "sagemaker:createEndpoint",
        {
            "EndpointName.$": "$.plan.endpoint",
            "EndpointConfigName.$": "$.plan.config_name",
            "Tags": [
                {"Key": "muster:prefix", "Value": "${Prefix}"}
            ],  # it outlives the run that brought its first model
        },
        comment="The endpoint's first model.",
        result_selector={"phase": "deploy", "index": 0},
        result_path="$.wait",
    )
