"""The checks of requests, jobs, images, payloads and addresses find an injected fault on its line."""

import pytest
from broken_tree import BrokenTree, places

from checks import addresses, images, jobs, payloads, requests
from checks.examples import Example
from checks.tree import GENERATED

TRAINING, DEPLOYMENT = "state_machines/training.asl.json", "state_machines/deployment.asl.json"
EVALUATION = "state_machines/evaluation.asl.json"


@pytest.mark.parametrize(
    ("path", "after", "old", "new", "message"),
    [
        # a member that the API does not know, one that it needs, an enum, a range, a pattern, a type: all literal
        (TRAINING, '"Prepare": {', '"ProcessingInputs.$"', '"ProcessInputs.$"', 'Unknown parameter in input: "ProcessInputs"'),
        (TRAINING, '"Prepare": {', '"RoleArn"', '"Role"', 'Missing required parameter in input: "RoleArn"'),
        (TRAINING, '"TrainOnSpot": {', '"TrainingInputMode": "File"', '"TrainingInputMode": "Fast"', "found 'Fast', wanted one of"),
        (TRAINING, '"TrainOnSpot": {', '"Key": "muster:run"', '"Key": "' + 129 * "k" + '"', "found 129 characters, wanted 1 to 128"),
        (TRAINING, '"TrainOnSpot": {', '"Key": "muster:run"', '"Key": "{run}"', "found '{run}', wanted"),
        (TRAINING, '"TrainOnSpot": {', '"EnableManagedSpotTraining": true', '"EnableManagedSpotTraining": "yes"', "Invalid type"),
        # what a plan returns, put where it does not belong, or asked for by a name that it does not have
        (TRAINING, '"Prepare": {', '"$.plan.prepare.image_uri"', '"$.plan.prepare.inputs"', "Invalid type for parameter AppSpecification.ImageUri"),
        (TRAINING, '"Prepare": {', '"$.plan.prepare.image_uri"', '"$.plan.prepare.image"', "found no plan that has all that its Parameters ask for"),
        (EVALUATION, '"PredictChampion": {', '"$.plan.champion.outputs"', '"$.plan.champion.output"', "found no plan that has all"),
        (DEPLOYMENT, '"PutAlarm": {', '"$.ComparisonOperator"', '"$.Namespace"', "found 'AWS/SageMaker', wanted one of"),
        (DEPLOYMENT, '"CreateModel": {', "sagemaker:createModel", "sagemaker:createModels", "found sagemaker CreateModels, wanted an operation"),
        ("state_machines/pipeline.asl.json", '"Entries": [', '"DetailType"', '"Type"', 'Unknown parameter in Entries[0]: "Type"'),
    ],
)  # fmt: skip
def test_a_request_that_aws_would_refuse(
    copy: BrokenTree, path: str, after: str, old: str, new: str, message: str
) -> None:
    # Given one wrong member of one Parameters block ; When the requests are filled and checked
    copy.change(path, old, new, after=after)
    found = requests.check(copy.tree).findings
    # Then it is found in that file, in words that name the member
    assert found
    assert {str(each.path) for each in found} == {path}
    assert any(message in each.message for each in found), [str(each) for each in found]


def test_a_fragment_that_aws_would_refuse(copy: BrokenTree) -> None:
    # Given a spec that the contract takes and SageMaker does not: an instance type that does not exist
    copy.change("models/breast_cancer/model.yaml", "instance_type: ml.m5", "instance_type: ml.m999")
    found = requests.check(copy.tree).findings
    assert any("InstanceType: found 'ml.m999" in each.message for each in found)


@pytest.mark.parametrize(
    ("path", "after", "old", "new", "message"),
    [
        (TRAINING, '"Prepare": {', '"EnableNetworkIsolation": true', '"EnableNetworkIsolation": false', "NetworkConfig.EnableNetworkIsolation False"),
        (TRAINING, '"TrainOnDemand": {', '"EnableNetworkIsolation": true', '"EnableNetworkIsolation.$": "$$.Execution.Input.isolated"', "EnableNetworkIsolation (known when it runs), wanted true, written down"),
        (TRAINING, '"TrainOnDemand": {', '"EnableInterContainerTrafficEncryption": true,', "", "EnableInterContainerTrafficEncryption None"),
        (TRAINING, '"TrainOnSpot": {', '"VolumeKmsKeyId": "${ModelsKeyArn}"', '"KeepAlivePeriodInSeconds": 0', "ResourceConfig.VolumeKmsKeyId None"),
        (TRAINING, '"Prepare": {', '"VpcConfig.$": "$.plan.prepare.vpc_config"', '"VpcConfig": {}', "NetworkConfig.VpcConfig.Subnets None"),
        (TRAINING, '"HashObjects": {', '"MaxRuntimeInSeconds.$": "$.snapshotting.job.max_runtime_seconds"', "", "StoppingCondition.MaxRuntimeInSeconds None"),
        (DEPLOYMENT, '"CreateEndpointConfig', '"KmsKeyId": "${ModelsKeyArn}",', "", "found KmsKeyId None"),
        (DEPLOYMENT, '"CreateModel": {', "sagemaker:createModel", "sagemaker:createAutoMLJob", "found CreateAutoMLJob, wanted one of those that this check knows"),
    ],
)  # fmt: skip
def test_a_job_without_isolation_encryption_vpc_or_an_end(
    copy: BrokenTree, path: str, after: str, old: str, new: str, message: str
) -> None:
    copy.change(path, old, new, after=after)
    found = jobs.check(copy.tree).findings
    assert {str(each.path) for each in found} == {path}
    assert any(message in each.message for each in found), [str(each) for each in found]


@pytest.mark.parametrize(
    ("path", "old", "new", "message"),
    [
        (str(GENERATED), '"us-gov-east-1": "', '"us-gov-east-1": "x', "wanted <account>.dkr.ecr.us-gov-east-1.amazonaws.com"),
        (str(GENERATED), '"us-gov-west-1"', '"us-gov-west-9"', "found registry None in us-gov-west-1"),
        ("models/breast_cancer/model.yaml", "framework: sagemaker-xgboost", "framework: sagemaker-lightgbm", "found framework sagemaker-lightgbm"),
        ("models/breast_cancer/model.yaml", "version: 3.0-5", "version: 9.0-1", "found version 9.0-1"),
    ],
)  # fmt: skip
def test_an_image_that_no_account_of_the_region_keeps(
    copy: BrokenTree, path: str, old: str, new: str, message: str
) -> None:
    place = copy.change(path, old, new)
    (finding,) = images.check(copy.tree).findings
    assert message in finding.message
    assert places((finding,)) == [place] or "None" in finding.message  # what is not there has no line


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("layers/muster/muster/aws/notifications.py", '"""', '"""https://console.aws.amazon.com/states '),
        (
            "stacks/foundation.yaml",
            "Description:",
            "Metadata: {Link: console.amazonaws-us-gov.com/states}\nDescription:",
        ),
        ("layers/muster/muster/aws/clients.py", '"""', '"""https://s3.${region}.amazonaws.com '),
        ("functions/reconcile/app.py", '"""', '"""endpoint_url="http://localhost" '),
    ],
)
def test_a_console_link_and_an_endpoint(copy: BrokenTree, path: str, old: str, new: str) -> None:
    place = copy.change(path, old, new)
    assert places(addresses.check(copy.tree).findings) == [place]


def test_a_function_that_does_not_ask_for_fips(copy: BrokenTree) -> None:
    # Given a stack whose functions have the variable no more
    copy.change("stacks/serving.yaml", "AWS_USE_FIPS_ENDPOINT:", "AWS_USE_FIPS:")
    found = addresses.check(copy.tree).findings
    # Then each of its functions is named
    assert {each.path.name for each in found} == {"serving.yaml"}
    assert "function ClaimEndpointFunction: found AWS_USE_FIPS_ENDPOINT None, wanted 'true'" in found[0].message


def test_fips_that_is_off_by_default(copy: BrokenTree) -> None:
    # Given the root's parameter with another default ; When followed from a function through its stack's parameter
    copy.change("template.yaml", 'Default: "true"', 'Default: "false"', after="FipsEndpoints:")
    found = addresses.check(copy.tree).findings
    assert "found AWS_USE_FIPS_ENDPOINT 'false'" in found[0].message


def test_a_payload_that_outgrows_the_bound(copy: BrokenTree, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a plan as large as the bound ; When sizes are measured ; Then it is found
    monkeypatch.setattr(payloads, "fullest", lambda tree: [Example("training", "too full", {"plan": "x" * 32 * 1024})])
    (finding,) = payloads.check(copy.tree).findings
    assert "training (too full): found a state of 32780 bytes, wanted less than 32768" in finding.message
