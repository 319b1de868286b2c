"""A service that assumes a role says for which resource: a trust policy with aws:SourceArn lets it in for that one only."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal
from tests.rehearsal.sagemaker_support import processing

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})


def role_for(rehearsal: Rehearsal, name: str, service: str, source: str) -> str:
    """Make a role that one service may assume for one resource of this account, and return its ARN."""
    condition = {
        "StringEquals": {"aws:SourceAccount": rehearsal.host.account},
        "ArnLike": {"aws:SourceArn": source},
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = rehearsal.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    arn: str = made["Role"]["Arn"]
    return arn


def test_step_functions_assumes_a_role_for_the_machine_that_it_names(rehearsal: Rehearsal) -> None:
    # Given a role for the machine "sourced-one"
    source = rehearsal.host.arn("states", "stateMachine:sourced-one")
    role = role_for(rehearsal, "sourced-states", "states.amazonaws.com", source)
    client = rehearsal.client("stepfunctions")
    # When that machine and another one are made with it ; Then the other one is refused
    one = client.create_state_machine(name="sourced-one", definition=PASS, roleArn=role)["stateMachineArn"]
    with pytest.raises(ClientError, match="Neither the global service principal"):
        client.create_state_machine(name="sourced-two", definition=PASS, roleArn=role)
    # And the one runs
    rehearsal.wait_for(rehearsal.start_execution(one, {}))


def test_sagemaker_assumes_a_role_for_the_kind_of_resource_that_it_names(rehearsal: Rehearsal) -> None:
    # Given a role for training jobs ; When a processing job asks for it ; Then SageMaker may not assume it
    training = role_for(
        rehearsal, "sourced-training", "sagemaker.amazonaws.com", rehearsal.host.arn("sagemaker", "training-job/*")
    )
    client = rehearsal.client("sagemaker")
    with pytest.raises(ClientError, match="Could not assume role"):
        client.create_processing_job(**processing(rehearsal, "sourced-refused", training, ""))
    # And with a role for processing jobs it may
    either = role_for(
        rehearsal, "sourced-processing", "sagemaker.amazonaws.com", rehearsal.host.arn("sagemaker", "processing-job/*")
    )
    made = client.create_processing_job(**processing(rehearsal, "sourced-made", either, ""))
    assert made["ProcessingJobArn"].endswith(":processing-job/sourced-made")
