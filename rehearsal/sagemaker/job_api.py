"""The API operations of training and processing jobs, and the requests that SageMaker refuses at once."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from rehearsal.sagemaker import images, listing, roles, s3
from rehearsal.sagemaker.api import Call, operation
from rehearsal.sagemaker.errors import NotRehearsed, ResourceInUse, ResourceNotFound, ValidationException
from rehearsal.sagemaker.jobs import Job
from rehearsal.sagemaker.processing import ProcessingJob
from rehearsal.sagemaker.training import TrainingJob, hyperparameter


def _image(uri: str) -> images.Image:
    try:
        return images.find(uri)
    except images.UnknownImage as error:
        raise ValidationException(f"Cannot find the requested image. {error}") from error


def unused(jobs: dict[str, Job], name: str) -> None:
    """Refuse a name that is taken."""
    if name in jobs:
        raise ResourceInUse(
            f"Job name must be unique within an AWS account and region, and a job with this name already exists "
            f"({jobs[name].arn})"
        )


def found(jobs: dict[str, Job], name: str) -> Job:
    """Return a job; ValidationException as SageMaker words it when there is none."""
    if name not in jobs:
        raise ValidationException("Requested resource not found.")
    return jobs[name]


def stop(jobs: dict[str, Job], name: str, kind: str) -> None:
    """Ask a job to end, or refuse as SageMaker does when it has ended or does not exist."""
    if name not in jobs:
        raise ResourceNotFound("Requested resource not found.")
    job = jobs[name]
    if job.status != "InProgress":
        raise ValidationException(f"The request was rejected because the {kind} job is in status {job.status}.")
    job.stop()


# ---- training


@operation("CreateTrainingJob")
def create_training_job(call: Call) -> dict[str, Any]:
    """Check the request, and start the job."""
    name = call.params["TrainingJobName"]
    jobs = call.backend.training_jobs
    unused(jobs, name)
    _check_training(call)
    image = _image(call.params["AlgorithmSpecification"]["TrainingImage"])
    _check_program(call, image)
    roles.check_assumable(call.host, call.params["RoleArn"], call.arn(f"training-job/{name}"))
    _check_channels(call)
    request = {**call.params, "StoppingCondition": {"MaxRuntimeInSeconds": 86400, **call.get("StoppingCondition", {})}}
    job = TrainingJob(request, call.region, call.arn(f"training-job/{name}"), name, image)
    jobs[name] = job
    job.start()
    return {"TrainingJobArn": job.arn}


def _check_training(call: Call) -> None:
    resources = call.get("ResourceConfig", {})
    specification = call.get("AlgorithmSpecification", {})
    if "InstanceGroups" in resources:
        raise NotRehearsed("ResourceConfig.InstanceGroups")
    for member in ("InstanceType", "InstanceCount", "VolumeSizeInGB"):
        if not resources.get(member):
            raise ValidationException(f"ResourceConfig.{member} is required.")
    if not specification.get("TrainingImage"):
        raise NotRehearsed("AlgorithmSpecification without TrainingImage")
    if specification.get("TrainingInputMode") == "Pipe":
        raise NotRehearsed("TrainingInputMode Pipe")
    # The SDK sends DebugHookConfig and ProfilerConfig with every job; without rules they only collect what nobody reads.
    for member in ("DebugRuleConfigurations", "ProfilerRuleConfigurations", "ServerlessJobConfig"):
        if call.get(member):
            raise NotRehearsed(member)
    _check_times(call.get("StoppingCondition", {}), bool(call.get("EnableManagedSpotTraining")))


def _check_times(stopping: dict[str, int], spot: bool) -> None:
    runtime, wait = stopping.get("MaxRuntimeInSeconds", 86400), stopping.get("MaxWaitTimeInSeconds")
    if spot and (wait is None or wait < runtime):
        raise ValidationException(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )
    if not spot and wait is not None:
        raise ValidationException("MaxWaitTimeInSeconds above 0 is only allowed when EnableManagedSpotTraining is true")


def _check_program(call: Call, image: images.Image) -> None:
    """Built-in algorithms are not rehearsed: a framework image needs a program."""
    named = hyperparameter(call.params, "sagemaker_program") or call.get("Environment", {}).get("SAGEMAKER_PROGRAM")
    if not named and not call.params["AlgorithmSpecification"].get("ContainerEntrypoint"):
        raise NotRehearsed(f"the built-in algorithm of {image.name} (no sagemaker_program)")


def _check_channels(call: Call) -> None:
    """CreateTrainingJob itself refuses a prefix without objects, looking with the job's role.

    Text and behaviour: aws/amazon-sagemaker-examples #2267. What a manifest lists is only found missing by the job.
    """
    transfers = s3.Transfers(roles.client(call.host, call.params["RoleArn"], "s3"))
    names = set()
    for channel in call.get("InputDataConfig", []):
        if channel["ChannelName"] in names:
            raise ValidationException(f"Duplicate channel name {channel['ChannelName']} in InputDataConfig")
        names.add(channel["ChannelName"])
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise NotRehearsed("a data source that is not S3")
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise NotRehearsed(f"S3DataType {source['S3DataType']}")
        if channel.get("CompressionType", "None") != "None" or channel.get("RecordWrapperType", "None") != "None":
            raise NotRehearsed("CompressionType and RecordWrapperType of a channel")
        if channel.get("InputMode") == "Pipe":
            raise NotRehearsed("InputMode Pipe")
        try:
            empty = not transfers.objects(source["S3Uri"])
        except ClientError as error:
            text = s3.nothing_found(source["S3Uri"], call.region, call.params["RoleArn"])
            raise ValidationException(f"{text} Error message from S3: {s3.described(error)}") from error
        if empty:
            raise ValidationException(s3.nothing_found(source["S3Uri"], call.region, call.params["RoleArn"]))


@operation("DescribeTrainingJob")
def describe_training_job(call: Call) -> dict[str, Any]:
    """Return the job."""
    return found(call.backend.training_jobs, call.params["TrainingJobName"]).describe()


@operation("StopTrainingJob")
def stop_training_job(call: Call) -> None:
    """Ask the job to end."""
    stop(call.backend.training_jobs, call.params["TrainingJobName"], "training")


@operation("ListTrainingJobs")
def list_training_jobs(call: Call) -> dict[str, Any]:
    """Return summaries, newest first."""

    def summary(job: TrainingJob) -> dict[str, Any]:
        entry = {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "CreationTime": job.created,
            "LastModifiedTime": job.modified,
            "TrainingJobStatus": job.status,
            "SecondaryStatus": job.secondary,
        }
        return entry | ({"TrainingEndTime": job.ended} if job.ended else {})

    return listing.page(call, "TrainingJobSummaries", call.backend.training_jobs.values(), summary)


# ---- processing


@operation("CreateProcessingJob")
def create_processing_job(call: Call) -> dict[str, Any]:
    """Check the request, and start the job."""
    name = call.params["ProcessingJobName"]
    jobs = call.backend.processing_jobs
    unused(jobs, name)
    _check_processing(call)
    image = _image(call.params["AppSpecification"]["ImageUri"])
    roles.check_assumable(call.host, call.params["RoleArn"], call.arn(f"processing-job/{name}"))
    job = ProcessingJob(dict(call.params), call.region, call.arn(f"processing-job/{name}"), name, image)
    jobs[name] = job
    job.start()
    return {"ProcessingJobArn": job.arn}


def _check_processing(call: Call) -> None:
    if not call.params["AppSpecification"].get("ContainerEntrypoint"):
        raise NotRehearsed("a processing job without ContainerEntrypoint")
    names: set[str] = set()
    for item in call.get("ProcessingInputs", []):
        given = item.get("S3Input")
        if given is None or item.get("AppManaged"):
            raise NotRehearsed("a ProcessingInput that is not a plain S3Input")
        if given.get("S3InputMode", "File") != "File":
            raise NotRehearsed(f"S3InputMode {given['S3InputMode']}")
        _check_place(item["InputName"], given.get("LocalPath", ""), names)
    for item in call.get("ProcessingOutputConfig", {}).get("Outputs", []):
        given = item.get("S3Output")
        if given is None or item.get("AppManaged"):
            raise NotRehearsed("a ProcessingOutput that is not a plain S3Output")
        _check_place(item["OutputName"], given.get("LocalPath", ""), names)


def _check_place(name: str, path: str, names: set[str]) -> None:
    if name in names:
        raise ValidationException(f"Duplicate input or output name {name}")
    names.add(name)
    if ".." in path.split("/") or not path.startswith("/opt/ml/processing"):
        raise ValidationException(f"LocalPath {path} of {name} must begin with /opt/ml/processing")


@operation("DescribeProcessingJob")
def describe_processing_job(call: Call) -> dict[str, Any]:
    """Return the job."""
    return found(call.backend.processing_jobs, call.params["ProcessingJobName"]).describe()


@operation("StopProcessingJob")
def stop_processing_job(call: Call) -> None:
    """Ask the job to end."""
    stop(call.backend.processing_jobs, call.params["ProcessingJobName"], "processing")


@operation("ListProcessingJobs")
def list_processing_jobs(call: Call) -> dict[str, Any]:
    """Return summaries, newest first."""

    def summary(job: ProcessingJob) -> dict[str, Any]:
        entry = {
            "ProcessingJobName": job.name,
            "ProcessingJobArn": job.arn,
            "CreationTime": job.created,
            "LastModifiedTime": job.modified,
            "ProcessingJobStatus": job.status,
        }
        optional = {
            "ProcessingEndTime": job.ended,
            "FailureReason": job.failure_reason,
            "ExitMessage": job.exit_message,
        }
        return entry | {key: value for key, value in optional.items() if value}

    return listing.page(call, "ProcessingJobSummaries", call.backend.processing_jobs.values(), summary)


# ---- what is not rehearsed yet


@operation("CreateHyperParameterTuningJob")
def create_tuning_job(_: Call) -> None:
    """Refuse: moto would say Completed and do nothing."""
    raise NotRehearsed("hyperparameter tuning (CreateHyperParameterTuningJob)")
