"""The checks of states: each finds nothing in what deploys, and finds an injected fault on its line."""

import pytest
from broken_tree import ROOT, BrokenTree, places

from checks import partitions, tasks, transitions, waits
from checks.__main__ import CHECKS
from checks.tree import Tree


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_is_found_in_what_deploys(name: str) -> None:
    assert [str(finding) for finding in CHECKS[name](Tree(ROOT)).findings] == []


TRAINING = "state_machines/training.asl.json"


def test_a_resource_without_the_partition_of_the_template(copy: BrokenTree) -> None:
    # Given a task that names the partition by another substitution, which no search for "arn:aws" can find
    place = copy.change(TRAINING, "arn:${Partition}:states", "arn:${Cloud}:states")
    # When the partitions are checked ; Then the finding names file, line, what was found and what is wanted
    (finding,) = partitions.check(copy.tree).findings
    assert places((finding,)) == [place]
    assert "found Resource arn:${Cloud}:states:::sagemaker:createProcessingJob.sync" in finding.message


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("stacks/training.yaml", "arn:${AWS::Partition}:sagemaker", "arn:aws-us-gov:sagemaker"),
        ("stacks/training.yaml", "${AWS::AccountId}:training-job", "123456789012:training-job"),
        ("layers/muster/muster/naming.py", '"""', '"""us-gov-west-1 '),
        ("policy.yaml", "#", "# arn:aws:iam::aws:policy/Any"),
    ],
)
def test_a_partition_an_account_and_a_region_in_any_source(copy: BrokenTree, path: str, old: str, new: str) -> None:
    place = copy.change(path, old, new)
    assert places(partitions.check(copy.tree).findings) == [place]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Next": "Prepare"', '"Next": "Prepair"', "found a way to 'Prepair'"),
        ('"Default": "TrainOnDemand"', '"Default": "TrainNever"', "found a way to 'TrainNever'"),
        ('"StartAt": "SnapshotData"', '"StartAt": "Snapshot"', "found StartAt 'Snapshot'"),
        ('"Next": "SealSnapshot"', '"Next": "PlanTraining"', "state 'SealSnapshot': found no way that leads here"),
    ],
)
def test_a_transition_that_leads_nowhere_and_a_state_that_nothing_leads_to(
    copy: BrokenTree, old: str, new: str, message: str
) -> None:
    place = copy.change(TRAINING, old, new)
    found = transitions.check(copy.tree).findings
    assert any(message in each.message for each in found)
    assert place in places(found) or "no way that leads here" in message


def test_a_state_that_neither_goes_on_nor_ends(copy: BrokenTree) -> None:
    # Given a Pass, which has no Catch, without its Next
    copy.change(
        "state_machines/pipeline.asl.json", '"Next": "AnnounceOutcome"', '"InputPath": "$"', after='"NotPassed": {'
    )
    (finding,) = transitions.check(copy.tree).findings
    assert finding.message == "state 'NotPassed': found neither Next nor End, wanted one of them"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"TimeoutSeconds": 930,', "", "found no timeout"),
        ('"Retry": [', '"Unknown": [', "found no Retry"),
        ('"Lambda.ServiceException"', '"States.ALL"', "found a Retry of States.ALL"),
        ('"JitterStrategy": "FULL"', '"JitterStrategy": "NONE"', "found JitterStrategy NONE, wanted FULL"),
        ('"MaxDelaySeconds": 30,', "", "found a Retry without MaxDelaySeconds"),
        ('"MaxAttempts": 4', '"MaxAttempts": 40', "found MaxAttempts 40, wanted at most 5"),
        ('"IntervalSeconds": 2,', '"IntervalSeconds": 300,', "found MaxDelaySeconds below IntervalSeconds"),
        ('"States.ALL"', '"States.Timeout"', "found no Catch of States.ALL at the end"),
        ('"ResultPath": "$.error"', '"ResultPath": "$"', "found a Catch with ResultPath $, wanted $.<name>"),
    ],
)
def test_a_task_without_timeout_retry_or_catch(copy: BrokenTree, old: str, new: str, message: str) -> None:
    copy.change(TRAINING, old, new, after='"SnapshotData": {')
    (finding,) = tasks.check(copy.tree).findings
    assert "state 'SnapshotData': " + message in finding.message


def test_a_name_that_covers_throttling_and_bad_requests_is_retried_twice(copy: BrokenTree) -> None:
    place = copy.change(TRAINING, '"MaxAttempts": 2', '"MaxAttempts": 5', after='"SageMaker.AmazonSageMakerException"')
    found = tasks.check(copy.tree).findings
    assert (places(found), "wanted at most 2" in found[0].message) == ([place], True)


def test_a_task_inside_of_a_map_is_caught_by_the_map(copy: BrokenTree) -> None:
    # Given the Map of the alarms without its Catch
    copy.change("state_machines/deployment.asl.json", '"Catch": [', '"Unknown": [', after='"PutAlarm": {')
    found = tasks.check(copy.tree).findings
    assert {each.message for each in found} == {
        "state 'CreateAlarms': found no Catch of States.ALL at the end, wanted one"
    }


DEPLOYMENT = "state_machines/deployment.asl.json"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"SecondsPath": "$.wait.seconds"', '"TimestampPath": "$.wait.until"', "found TimestampPath, wanted Seconds"),
        ('"SecondsPath": "$.wait.seconds"', '"SecondsPath": "$.claim.seconds"', "found SecondsPath $.claim.seconds"),
        ('"NumericGreaterThanEqualsPath"', '"NumericEqualsPath"', "wanted a Choice with NumericGreaterThanEqualsPath"),
    ],
)
def test_a_wait_without_a_known_end_and_a_circle_without_a_counter(
    copy: BrokenTree, old: str, new: str, message: str
) -> None:
    copy.change(DEPLOYMENT, old, new)
    assert any(message in each.message for each in waits.check(copy.tree).findings)


def test_a_machine_that_ends_before_its_states_may(copy: BrokenTree) -> None:
    # Given retries of the looks at the endpoint that add up to more than the machine has left
    copy.change(DEPLOYMENT, '"MaxDelaySeconds": 30', '"MaxDelaySeconds": 3000', after='"DescribeEndpoint": {')
    copy.change(DEPLOYMENT, '"IntervalSeconds": 2', '"IntervalSeconds": 3000', after='"DescribeEndpoint": {')
    (finding,) = waits.check(copy.tree).findings
    assert places((finding,)) == [f"{DEPLOYMENT}:4"]
    assert "wanted more than its states may take together" in finding.message


def test_a_child_that_may_take_longer_than_it_is_waited_for(copy: BrokenTree) -> None:
    place = copy.change("state_machines/registration.asl.json", '"TimeoutSeconds": ', '"TimeoutSeconds": 9')
    found = waits.check(copy.tree).findings
    assert "state 'Register': found TimeoutSeconds of no more than those of registration" in found[0].message
    assert place.startswith("state_machines/registration")
