"""Plans: every fragment, put into its request, is valid in AWS's own service model."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.shapes import problems
from muster.contracts.base import parse
from muster.contracts.pipeline import JobFragment
from muster.plans import evaluation, fragments, training
from tests.unit import samples
from tests.unit.test_deployment_plans import deployment_plan

JOBS = samples.digest("7")
KEY = samples.SETTINGS.models_key_arn


def processing_request(job: JobFragment | dict) -> dict:
    """The request as state_machines/jobs.py builds it around a fragment."""
    job = job.payload() if isinstance(job, JobFragment) else job
    return {
        "ProcessingJobName": "0123456789abcdef0123-prepare-" + "f" * 32,
        "ProcessingInputs": job["inputs"],
        "ProcessingOutputConfig": {"KmsKeyId": KEY, "Outputs": job["outputs"]},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": job["instance_count"],
                "InstanceType": job["instance_type"],
                "VolumeSizeInGB": job["volume_gb"],
                "VolumeKmsKeyId": KEY,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": job["max_runtime_seconds"]},
        "AppSpecification": {
            "ImageUri": job["image_uri"],
            "ContainerEntrypoint": job["entrypoint"],
            "ContainerArguments": job["arguments"],
        },
        "NetworkConfig": {"EnableNetworkIsolation": True, "VpcConfig": job["vpc_config"]},
        "Environment": job["environment"],
        "RoleArn": samples.SETTINGS.job_role_arn,
    }


def mounted(job: JobFragment) -> dict[str, str]:
    return {each["S3Input"]["LocalPath"]: each["S3Input"]["S3Uri"] for each in job.inputs}


def argument(job: JobFragment, name: str) -> str:
    return job.arguments[job.arguments.index(name) + 1]


# -- training ----------------------------------------------------------------------------------------------------------
def training_plan(spec=None):
    snapshot = samples.training_result().snapshot
    return training.plan(samples.run(), snapshot, spec or samples.spec(), samples.SETTINGS, jobs_digest=JOBS)


def test_the_prepare_job_runs_the_authors_script_through_musters_own():
    job = training_plan().prepare
    assert problems("sagemaker", "CreateProcessingJob", processing_request(job)) == []
    assert job.entrypoint == ("python3", f"{fragments.MUSTER}/run_entry_point.py")
    assert mounted(job) == {
        fragments.MUSTER: f"s3://muster-records/jobs/{JOBS}/",
        fragments.CODE: samples.run().code_uri,
        fragments.PLAN: samples.run().spec_uri,
        fragments.SNAPSHOT: f"s3://muster-records/snapshots/{samples.digest('d')}/",
    }
    assert argument(job, "--entry-point") == "preprocess.py"
    assert argument(job, "--code-digest") == samples.digest("b")
    assert argument(job, "--snapshot-digest") == samples.digest("d")
    assert argument(job, "--spec-digest") == samples.digest("a")


def training_request(fragment: dict, spot: bool) -> dict:
    stopping = {"MaxRuntimeInSeconds": fragment["max_runtime_seconds"]}
    if spot:
        stopping["MaxWaitTimeInSeconds"] = fragment["max_wait_seconds"]
    return {
        "TrainingJobName": "0123456789abcdef0123-train-" + "f" * 32,
        "AlgorithmSpecification": {"TrainingImage": fragment["image_uri"], "TrainingInputMode": "File"},
        "HyperParameters": fragment["hyperparameters"],
        "InputDataConfig": fragment["channels"],
        "OutputDataConfig": {"KmsKeyId": KEY, "S3OutputPath": fragment["output_uri"]},
        "ResourceConfig": {
            "InstanceCount": fragment["instance_count"],
            "InstanceType": fragment["instance_type"],
            "VolumeSizeInGB": fragment["volume_gb"],
            "VolumeKmsKeyId": KEY,
        },
        "CheckpointConfig": {"S3Uri": fragment["checkpoint_uri"], "LocalPath": "/opt/ml/checkpoints"},
        "EnableManagedSpotTraining": spot,
        "StoppingCondition": stopping,
        "VpcConfig": fragment["vpc_config"],
        "Environment": fragment["environment"],
        "RoleArn": samples.SETTINGS.job_role_arn,
    }


@pytest.mark.parametrize("spot", [True, False])
def test_the_training_job_is_valid_on_spot_and_on_demand(spot):
    plan = training_plan().training
    assert problems("sagemaker", "CreateTrainingJob", training_request(plan.payload(), spot)) == []
    assert plan.spot
    assert plan.fall_back
    assert [each["ChannelName"] for each in plan.channels] == ["train", "validation", "code"]


def test_training_reads_what_preparing_wrote():
    plan = training_plan()
    written = [each["S3Output"]["S3Uri"] for each in plan.prepare.outputs]
    read = [each["DataSource"]["S3DataSource"]["S3Uri"] for each in plan.training.channels[:2]]
    assert read == written


def test_hyperparameters_are_json_texts_with_the_toolkits_own():
    encoded = training.hyperparameters(samples.spec())
    assert encoded["eta"] == "0.1"
    assert encoded["objective"] == '"binary:logistic"'
    assert json.loads(encoded["sagemaker_program"]) == "train.py"
    assert json.loads(encoded["sagemaker_submit_directory"]) == "/opt/ml/input/data/code/sourcedir.tar.gz"
    assert json.loads(encoded["checkpoint_dir"]) == "/opt/ml/checkpoints"


values = st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=50)


@given(
    st.dictionaries(
        st.from_regex(r"\A[a-z][a-z0-9_]{0,20}\Z").filter(lambda n: n != "checkpoint_dir"), values, max_size=5
    )
)
def test_hyperparameters_come_back_as_the_author_wrote_them(given_values):
    spec = samples.spec(training__hyperparameters=given_values)
    encoded = training.hyperparameters(spec)
    assert {name: json.loads(encoded[name]) for name in given_values} == given_values
    plain = training.plain_hyperparameters(encoded)
    assert plain == {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in given_values.items()
    }


def test_hyperparameters_that_are_no_json_stay_as_they_are():
    assert training.plain_hyperparameters({"a": "plain words", "sagemaker_program": "x"}) == {"a": "plain words"}


def test_the_hash_job_mounts_the_data_itself():
    job, hashes_uri = training.hash_job(
        samples.run(),
        samples.spec(),
        samples.policy(),
        samples.SETTINGS,
        jobs_digest=JOBS,
        listing_uri="s3://muster-work/runs/x/snapshot/listing.json",
        data_bytes=40 * 1024**3,
    )
    assert problems("sagemaker", "CreateProcessingJob", processing_request(job)) == []
    assert mounted(job)[f"{fragments.SNAPSHOT}/data"] == "s3://muster-data/raw/tumour/training/"
    assert argument(job, "--listing") == f"{fragments.PLAN}/listing.json"
    assert job.volume_gb == 85
    assert hashes_uri == f"{job.outputs[0]['S3Output']['S3Uri']}hashes.json"


@pytest.mark.parametrize("key_uri", [None, "s3://muster-records/redaction/tumour/key"])
def test_the_baseline_job_mounts_the_sealed_snapshot_and_a_key_where_there_is_one(key_uri):
    snapshot = samples.training_result().snapshot
    job, counts_uri = training.baseline_job(
        samples.run(),
        snapshot,
        samples.spec(),
        samples.policy(),
        samples.SETTINGS,
        jobs_digest=JOBS,
        plan_uri="s3://muster-work/runs/x/plan/baseline_plan.json",
        key_uri=key_uri,
    )
    assert problems("sagemaker", "CreateProcessingJob", processing_request(job)) == []
    assert mounted(job)[fragments.SNAPSHOT] == f"s3://muster-records/snapshots/{snapshot.digest}/"
    assert mounted(job).get(fragments.KEY) == key_uri
    assert argument(job, "--snapshot-digest") == snapshot.digest
    assert argument(job, "--plan") == f"{fragments.PLAN}/baseline_plan.json"
    assert counts_uri == f"{job.outputs[0]['S3Output']['S3Uri']}counts.json"


@given(st.integers(0, 10**13), st.integers(1, 100))
def test_volumes_hold_the_data_within_the_policy(data_bytes, least):
    volume = fragments.volume_for(data_bytes, least, 200)
    assert least <= volume <= 200
    assert volume == 200 or volume * 1024**3 >= 2 * data_bytes


# -- evaluation --------------------------------------------------------------------------------------------------------
def evaluation_jobs(holdouts, champion):
    return evaluation.plan(
        samples.run(),
        samples.training_result(),
        samples.spec(inference__environment={"OMP_NUM_THREADS": "1"}),
        samples.policy(),
        samples.SETTINGS,
        holdouts=holdouts,
        champion=champion,
        jobs_digest=JOBS,
    )


@pytest.mark.parametrize("champion", [None, samples.champion()])
@pytest.mark.parametrize("kinds", [("reference",), ("reference", "recent")])
def test_every_job_of_an_evaluation_is_valid(kinds, champion):
    found = evaluation_jobs({kind: samples.holdouts()[kind] for kind in kinds}, champion)
    requests = [processing_request(found.candidate), processing_request(found.evaluate)]
    if champion:
        requests.append(processing_request(found.champion.payload()))
    for request in requests:
        assert problems("sagemaker", "CreateProcessingJob", request) == []
    assert found.champion.present is (champion is not None)
    assert set(found.holdouts) == set(kinds)


def test_without_champion_every_member_is_there_and_null():
    payload = evaluation_jobs(samples.holdouts(), None).champion.payload()
    assert payload.pop("present") is False
    assert set(payload.values()) == {None}


def test_a_models_code_never_sees_the_labels():
    found = evaluation_jobs(samples.holdouts(), samples.champion())
    for inputs in (found.candidate.inputs, found.champion.inputs):
        uris = [each["S3Input"]["S3Uri"] for each in inputs if each["InputName"].startswith("holdout")]
        assert len(uris) == 2
        assert all(uri.endswith("/features.csv") for uri in uris)


def test_candidate_and_champion_predict_with_their_own_model_image_and_code():
    found = evaluation_jobs(samples.holdouts(), samples.champion())
    champion = parse(JobFragment, {k: v for k, v in found.champion.payload().items() if k in JobFragment.model_fields})
    assert mounted(found.candidate)[fragments.MODEL] == samples.training_result().artifact.uri
    assert mounted(champion)[fragments.MODEL] == samples.champion().artifact_uri
    assert argument(champion, "--model-digest") == samples.digest("6")
    assert found.candidate.environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert found.candidate.environment["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in champion.environment


def test_scoring_reads_what_predicting_wrote():
    found = evaluation_jobs(samples.holdouts(), samples.champion())
    places = mounted(found.evaluate)
    assert places[fragments.CANDIDATE] == found.candidate.outputs[0]["S3Output"]["S3Uri"]
    assert places[fragments.CHAMPION] == found.champion.outputs[0]["S3Output"]["S3Uri"]
    assert places[fragments.PLAN] == evaluation.plan_document_uri(samples.run(), samples.SETTINGS)
    assert found.report_prefix == found.evaluate.outputs[0]["S3Output"]["S3Uri"]
    assert argument(found.evaluate, "--champion") == fragments.CHAMPION


def test_the_scoring_job_is_told_everything_and_resamples_alike():
    arguments = (samples.run(), samples.training_result(), samples.spec(), samples.holdouts())
    document = evaluation.plan_document(*arguments, samples.champion()).payload()
    assert document["schema"] == 1
    assert document["metrics"] == [
        "auc",
        "average_precision",
        "accuracy",
        "f1",
        "precision",
        "recall",
        "brier",
        "log_loss",
    ]
    assert document["seed"] == 0xAAAAAAAA
    assert document["champion_artifact_digest"] == samples.digest("6")
    assert document["holdouts"] == {"reference": samples.digest("8"), "recent": samples.digest("9")}
    assert evaluation.plan_document(*arguments, None).champion_artifact_digest is None


# -- any accepted spec -------------------------------------------------------------------------------------------------
@settings(max_examples=40)
@given(
    st.fixed_dictionaries(
        {
            "name": st.from_regex(r"\A[a-z][a-z0-9_]{0,39}\Z"),
            "preprocess__volume_gb": st.integers(1, 16384),
            "preprocess__instance_count": st.integers(1, 100),
            "training__max_runtime_seconds": st.integers(60, 7200),
            "training__volume_gb": st.integers(1, 16384),
            "inference__instance_count": st.integers(1, 100),
            "inference__environment": st.dictionaries(
                st.from_regex(r"\A[B-LN-R][A-Z_]{0,20}\Z"), st.text(max_size=256), max_size=3
            ),
            "capture__sampling_percent": st.integers(0, 100),
        }
    )
)
def test_whatever_a_spec_may_say_its_requests_are_valid(changes):
    spec = samples.spec(**changes, capture__enabled=True)
    plan = training_plan(spec)
    assert problems("sagemaker", "CreateProcessingJob", processing_request(plan.prepare)) == []
    assert problems("sagemaker", "CreateTrainingJob", training_request(plan.training.payload(), True)) == []
    serving = deployment_plan(spec)
    assert problems("sagemaker", "CreateModel", serving.model_request) == []
    assert problems("sagemaker", "CreateEndpointConfig", serving.config_request) == []


def test_the_validator_itself_finds_what_botocore_leaves_out():
    bad = {
        "ProcessingJobName": "under_scores",
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.huge", "VolumeSizeInGB": 0, "InstanceCount": 1}},
        "AppSpecification": {"ImageUri": "x" * 300},
        "RoleArn": "role",
        "Colour": "red",
    }
    found = "\n".join(problems("sagemaker", "CreateProcessingJob", bad))
    for part in ("under_scores", "ml.huge", "300 characters", "Colour", "VolumeSizeInGB"):
        assert part in found
