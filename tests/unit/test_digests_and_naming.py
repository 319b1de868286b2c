"""Canonical JSON and names: stable, within the limits of AWS, never two for one."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.shapes import problems
from muster import digests, naming
from muster.errors import ContractError, DigestMismatch
from tests.unit import samples

json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


# -- canonical JSON ----------------------------------------------------------------------------------------------------
@given(json_data)
def test_canonical_json_is_stable_under_a_round_trip(data):
    written = digests.canonical(data)
    assert digests.canonical(json.loads(written)) == written


@given(st.dictionaries(st.text(), json_data, max_size=6), st.randoms())
def test_canonical_json_does_not_depend_on_the_order_of_keys(data, random):
    keys = list(data)
    random.shuffle(keys)
    assert digests.digest_of({key: data[key] for key in keys}) == digests.digest_of(data)


@given(json_data, json_data)
def test_equal_digests_mean_equal_json(one, other):
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digests.digest_of(one) == digests.digest_of(other)) == same


def test_canonical_json_has_no_spaces_and_keeps_letters():
    assert digests.canonical({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'.encode()


def test_contracts_are_written_as_their_payload():
    assert digests.canonical(samples.run()) == digests.canonical(samples.run().payload())


@pytest.mark.parametrize("value", [math.nan, [math.inf], {1: "a"}, {"a": {2: 3}}, {"a": object()}, "\ud800"])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(ContractError, match="canonical JSON: found"):
        digests.canonical(value)


@given(st.binary(), st.integers(min_value=1, max_value=7))
def test_pieces_hash_like_the_whole(data, size):
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert digests.sha256_of_chunks(pieces) == (digests.sha256(data), len(data))


def test_digest_of_a_folder_knows_names_and_contents():
    base = digests.digest_of_files({"a.py": b"1", "b.py": b"2"})
    assert digests.digest_of_files({"b.py": b"2", "a.py": b"1"}) == base
    assert digests.digest_of_files({"a.py": b"2", "b.py": b"1"}) != base
    assert digests.digest_of_files({"a.py": b"1"}) != base


def test_other_bytes_than_pinned_are_named():
    assert digests.check("x", b"1", digests.sha256(b"1")) == b"1"
    with pytest.raises(DigestMismatch, match=r"model\.tar\.gz: found sha256 .*, wanted "):
        digests.check("model.tar.gz", b"2", digests.sha256(b"1"))


# -- names -------------------------------------------------------------------------------------------------------------
models = st.from_regex(r"\A[a-z][a-z0-9_]{0,39}\Z")
prefixes = st.from_regex(r"\A[a-z][a-z0-9]{0,19}\Z")
endpoints = st.from_regex(r"\A[a-zA-Z0-9](-?[a-zA-Z0-9]){0,31}\Z").filter(lambda name: len(name) <= 63)


@given(prefixes, models)
def test_endpoint_and_group_names_are_valid_for_every_model(prefix, model):
    name = naming.endpoint_name(prefix, model)
    assert problems("sagemaker", "DescribeEndpoint", {"EndpointName": name}) == []
    assert problems("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": name}) == []


def test_an_endpoint_name_that_is_too_long_says_what_to_do():
    with pytest.raises(ContractError, match=r"wanted at most 63: set rollout\.endpoint"):
        naming.endpoint_name("p" * 40, "m" * 40)
    assert naming.endpoint_name("p" * 40, "m" * 40, "short") == "short"


@given(endpoints, st.text(), st.text())
def test_config_model_and_alarm_names_are_valid(endpoint, execution, entered):
    config = naming.config_name(endpoint, samples.PACKAGE, execution, entered)
    variant = {"VariantName": naming.VARIANT, "ModelName": config}
    assert (
        problems("sagemaker", "CreateEndpointConfig", {"EndpointConfigName": config, "ProductionVariants": [variant]})
        == []
    )
    assert problems("sagemaker", "CreateModel", {"ModelName": config}) == []
    for alarm in ("error_count", "latency_p99"):
        name = naming.alarm_name("muster", endpoint, config, alarm)
        assert name.startswith(naming.alarm_prefix("muster", endpoint))
        assert problems("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]}) == []


def test_each_attempt_to_deploy_has_names_of_its_own():
    names = {
        naming.config_name(endpoint, package, execution, entered)
        for endpoint in ("a" * 60, "a" * 61)
        for package in ("p", "q")
        for execution in ("e", "f")
        for entered in ("1", "2")
    }
    assert len(names) == 16


def test_runs_executions_and_workflows():
    assert re.fullmatch("[0-9a-f]{20}", naming.run_id(samples.PIPELINE))
    arn = naming.execution_arn(samples.SETTINGS, "pipeline", "one")
    assert arn == samples.PIPELINE
    assert naming.workflow_of(arn, "muster") == "pipeline"
    assert naming.workflow_of(arn, "other") is None
    assert naming.workflow_of("arn:aws:s3:::bucket", "muster") is None
    assert naming.state_machine_arn(samples.SETTINGS, "rollback").endswith(":stateMachine:muster-rollback")
    name = naming.retrained_pipeline_name(arn)
    assert name == naming.retrained_pipeline_name(arn)
    assert problems("stepfunctions", "StartExecution", {"stateMachineArn": arn, "name": name}) == []


@given(st.from_regex(r"\A[a-z0-9][a-z0-9.\-]{1,20}[a-z0-9]\Z"), st.text(min_size=1))
def test_s3_uris_come_apart_as_they_were_put_together(bucket, key):
    assert naming.split_s3_uri(naming.s3_uri(bucket, key)) == (bucket, key)


@pytest.mark.parametrize("uri", ["", "s3://", "s3://b", "https://b/k", "s3:/b/k", "s3://B_/k"])
def test_other_uris_are_refused(uri):
    with pytest.raises(ContractError, match="S3 URI: found"):
        naming.split_s3_uri(uri)


def test_the_layout_in_s3():
    digest = samples.digest("a")
    assert naming.snapshot_manifest_key(digest) == f"snapshots/{digest}/manifest.json"
    assert naming.snapshot_data_prefix(digest).startswith(naming.snapshot_prefix(digest))
    assert naming.code_key(digest) == f"code/{digest}/sourcedir.tar.gz"
    assert naming.golden_key(digest) == f"code/{digest}/golden.jsonl"
    assert naming.spec_key(digest) == f"specs/{digest}/spec.json"
    assert naming.artifact_key(digest) == f"artifacts/{digest}/model.tar.gz"
    assert naming.holdout_prefix("m", digest) == f"holdouts/m/{digest}/"
    assert naming.jobs_prefix(digest) == f"jobs/{digest}/"
    assert naming.evidence_key("m", digest) == f"evidence/m/{digest}.json"
    assert naming.report_key("m", "r", "report.html") == "reports/m/r/report.html"
    assert naming.work_prefix("r", "train") == "runs/r/train/"
    assert naming.capture_uri("bucket") == "s3://bucket/"
    assert naming.training_prefix("m") == "raw/m/training/"
    assert naming.batch_prefix("m") == "raw/m/batch/"
    assert naming.job_prefix("r") == "r-"
    assert naming.package_group("muster", "a_b") == "muster-a-b"
