"""SageMaker jobs as literal requests: isolated, encrypted at rest and between containers, in the VPC, bounded in time.

The fixed members stand here, for everybody to read; the variable ones come complete from one ``plan_*`` function,
because JSONPath cannot leave a member out.
"""

from state_machines.extension import Task
from state_machines.limits import JOB_START_SECONDS, PROCESSING_SECONDS, TRAINING_SECONDS
from state_machines.policies import Json, job_retries

TAGS: list[Json] = [
    {"Key": "muster:run", "Value.$": "$.run.run"},
    {"Key": "muster:prefix", "Value": "${Prefix}"},
]


def job_name(step: str) -> str:
    """Return the intrinsic that names a job: run, step, and a hash that differs on every attempt.

    At most 62 of 63 characters: 20 for the run, 8 for the step, 32 for the hash, two dashes. Name tells spot from on
    demand, EnteredTime changes when a state is entered anew (redrive), RetryCount on a retry. A job's name begins with
    the run, so that ``settle_execution`` finds what is left over; it holds no data.
    """
    if len(step) > 8:
        raise ValueError(f"step of a job's name: found {step!r}, wanted at most 8 characters")
    attempt = "States.Hash(States.Format('{}/{}/{}', $$.State.Name, $$.State.EnteredTime, $$.State.RetryCount), 'MD5')"
    return f"States.Format('{{}}-{step}-{{}}', $.run.run, {attempt})"


def _isolation(fragment: str) -> Json:
    return {
        "EnableNetworkIsolation": True,
        "EnableInterContainerTrafficEncryption": True,
        "VpcConfig.$": f"{fragment}.vpc_config",
    }


def processing_task(state_id: str, step: str, fragment: str, *, comment: str, **fields: object) -> Task:
    """Run a Processing job to its end.

    Parameters
    ----------
    step
        How the job's name calls it.
    fragment
        Path of the plan's ``JobFragment``.
    """
    cluster = {
        "InstanceCount.$": f"{fragment}.instance_count",
        "InstanceType.$": f"{fragment}.instance_type",
        "VolumeSizeInGB.$": f"{fragment}.volume_gb",
        "VolumeKmsKeyId": "${ModelsKeyArn}",
    }
    parameters = {
        "ProcessingJobName.$": job_name(step),
        "ProcessingInputs.$": f"{fragment}.inputs",
        "ProcessingOutputConfig": {"KmsKeyId": "${ModelsKeyArn}", "Outputs.$": f"{fragment}.outputs"},
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds.$": f"{fragment}.max_runtime_seconds"},
        "AppSpecification": {
            "ImageUri.$": f"{fragment}.image_uri",
            "ContainerEntrypoint.$": f"{fragment}.entrypoint",
            "ContainerArguments.$": f"{fragment}.arguments",
        },
        "NetworkConfig": _isolation(fragment),
        "Environment.$": f"{fragment}.environment",
        "RoleArn": "${JobRoleArn}",
        "Tags": TAGS,
    }
    return Task(
        state_id,
        comment=comment,
        resource="arn:${Partition}:states:::sagemaker:createProcessingJob.sync",
        parameters=parameters,
        result_path=None,  # what a job made is in S3, where the plan said; its description is not carried along
        timeout_seconds=PROCESSING_SECONDS + JOB_START_SECONDS,
        retry=job_retries(),
        **fields,
    )


def transform_task(state_id: str, step: str, fragment: str, *, comment: str) -> Task:
    """Let a SageMaker Model predict files of rows; the job's name comes to ``$.job``.

    The first field of a row, its id, is kept from the model and comes back with the whole row and the prediction at its
    end. Image, artifact, network and role are the Model's. CreateTransformJob has no stopping condition: the task's
    timeout is the job's limit, and what runs on is stopped when the execution has failed (``settle_execution``).
    """
    parameters = {
        "TransformJobName.$": job_name(step),
        "ModelName.$": f"{fragment}.model_name",
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": 6,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri.$": f"{fragment}.input_uri"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
            "CompressionType": "None",
        },
        "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$"},
        "TransformOutput": {
            "S3OutputPath.$": f"{fragment}.output_uri",
            "Accept": "text/csv",
            "AssembleWith": "Line",
            "KmsKeyId": "${ModelsKeyArn}",
        },
        "TransformResources": {
            "InstanceType.$": f"{fragment}.instance_type",
            "InstanceCount": 1,
            "VolumeKmsKeyId": "${ModelsKeyArn}",
        },
        "Tags": TAGS,
    }
    return Task(
        state_id,
        comment=comment,
        resource="arn:${Partition}:states:::sagemaker:createTransformJob.sync",
        parameters=parameters,
        result_selector={"name.$": "$.TransformJobName"},
        result_path="$.job",
        timeout_seconds_path=f"{fragment}.max_runtime_seconds",
        retry=job_retries(),
    )


def training_task(state_id: str, step: str, fragment: str, *, spot: bool, comment: str) -> Task:
    """Run a training job to its end; its name and how it ended come to ``$.job``.

    A job on demand that follows one on spot finds the same checkpoints, so it goes on where the other was stopped.
    """
    stopping = {"MaxRuntimeInSeconds.$": f"{fragment}.max_runtime_seconds"}
    if spot:
        stopping["MaxWaitTimeInSeconds.$"] = f"{fragment}.max_wait_seconds"
    parameters = {
        "TrainingJobName.$": job_name(step),
        "AlgorithmSpecification": {"TrainingImage.$": f"{fragment}.image_uri", "TrainingInputMode": "File"},
        "HyperParameters.$": f"{fragment}.hyperparameters",
        "InputDataConfig.$": f"{fragment}.channels",
        "OutputDataConfig": {"KmsKeyId": "${ModelsKeyArn}", "S3OutputPath.$": f"{fragment}.output_uri"},
        "ResourceConfig": {
            "InstanceCount.$": f"{fragment}.instance_count",
            "InstanceType.$": f"{fragment}.instance_type",
            "VolumeSizeInGB.$": f"{fragment}.volume_gb",
            "VolumeKmsKeyId": "${ModelsKeyArn}",
        },
        "CheckpointConfig": {"S3Uri.$": f"{fragment}.checkpoint_uri", "LocalPath": "/opt/ml/checkpoints"},
        "EnableManagedSpotTraining": spot,
        "StoppingCondition": stopping,
        **_isolation(fragment),
        "Environment.$": f"{fragment}.environment",
        "RoleArn": "${JobRoleArn}",
        "Tags": TAGS,
    }
    return Task(
        state_id,
        comment=comment,
        resource="arn:${Partition}:states:::sagemaker:createTrainingJob.sync",
        parameters=parameters,
        result_selector={"name.$": "$.TrainingJobName", "ended.$": "$.SecondaryStatus"},
        result_path="$.job",
        timeout_seconds=TRAINING_SECONDS + JOB_START_SECONDS,
        retry=job_retries(),
    )
