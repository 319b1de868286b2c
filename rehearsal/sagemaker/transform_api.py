"""The API operations of batch transform jobs, and the requests that SageMaker refuses at once."""

from __future__ import annotations

from typing import Any

from rehearsal.sagemaker import job_api, listing
from rehearsal.sagemaker.api import Call, operation
from rehearsal.sagemaker.errors import NotRehearsed, ValidationException
from rehearsal.sagemaker.hosting_api import find_model
from rehearsal.sagemaker.transform import TransformJob
from rehearsal.sagemaker.transform_data import Filter

#: "The value of MaxPayloadInMB cannot be greater than 100 MB", nor its product with MaxConcurrentTransforms (API reference).
_MOST_MB = 100


@operation("CreateTransformJob")
def create_transform_job(call: Call) -> dict[str, Any]:
    """Check the request, and start the job."""
    name = call.params["TransformJobName"]
    jobs = call.backend.transform_jobs
    job_api.unused(jobs, name)
    _check_input(call)
    _check_payload(call)
    _check_processing(call)
    for member in ("DataCaptureConfig", "ExperimentConfig"):
        if call.get(member):
            raise NotRehearsed(f"CreateTransformJob with {member}")
    model = find_model(call.backend, call.params["ModelName"])
    arn = call.arn(f"transform-job/{name}")
    job = TransformJob(dict(call.params), call.region, arn, name, model, call.backend)
    jobs[name] = job
    job.start()
    return {"TransformJobArn": job.arn}


def _check_input(call: Call) -> None:
    given = call.params["TransformInput"]
    source = given["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise NotRehearsed(f"S3DataType {source['S3DataType']} of a transform")
    if given.get("SplitType", "None") not in ("None", "Line"):
        raise NotRehearsed(f"SplitType {given['SplitType']}")
    if (
        call.get("BatchStrategy")
        and given.get("SplitType", "None") == "None"
        and call.get("BatchStrategy") != "SingleRecord"
    ):
        raise ValidationException("BatchStrategy MultiRecord requires a SplitType: Line, RecordIO or TFRecord.")


def _check_payload(call: Call) -> None:
    payload, concurrent = call.get("MaxPayloadInMB", 6), call.get("MaxConcurrentTransforms") or 1
    if payload == 0:
        raise NotRehearsed("MaxPayloadInMB 0 (HTTP chunked encoding)")
    if payload * concurrent > _MOST_MB:
        raise ValidationException(
            f"The product of MaxConcurrentTransforms ({concurrent}) and MaxPayloadInMB ({payload}) must not exceed {_MOST_MB} MB."
        )


def _check_processing(call: Call) -> None:
    """Filters and joins are rehearsed for lines of CSV."""
    processing = call.get("DataProcessing")
    if not processing:
        return
    given, output = call.params["TransformInput"], call.params["TransformOutput"]
    filters = [processing.get(member, "$") for member in ("InputFilter", "OutputFilter")]
    joins = processing.get("JoinSource", "None") == "Input"
    if not joins and filters == ["$", "$"]:
        return
    if given.get("ContentType") != "text/csv" or output.get("Accept") != "text/csv":
        raise NotRehearsed("DataProcessing of anything but ContentType and Accept text/csv")
    if given.get("SplitType") != "Line" or output.get("AssembleWith") != "Line":
        raise ValidationException("DataProcessing of text/csv requires SplitType Line and AssembleWith Line.")
    for path in filters:
        try:
            Filter.of(path)
        except ValueError:
            raise NotRehearsed(f"the filter {path!r} ($, $[1], $[0,-1] and $[1:] are)") from None


@operation("DescribeTransformJob")
def describe_transform_job(call: Call) -> dict[str, Any]:
    """Return the job."""
    return job_api.found(call.backend.transform_jobs, call.params["TransformJobName"]).describe()


@operation("StopTransformJob")
def stop_transform_job(call: Call) -> None:
    """Ask the job to end."""
    job_api.stop(call.backend.transform_jobs, call.params["TransformJobName"], "transform")


@operation("ListTransformJobs")
def list_transform_jobs(call: Call) -> dict[str, Any]:
    """Return summaries, newest first."""

    def summary(job: TransformJob) -> dict[str, Any]:
        entry = {
            "TransformJobName": job.name,
            "TransformJobArn": job.arn,
            "CreationTime": job.created,
            "LastModifiedTime": job.modified,
            "TransformJobStatus": job.status,
        }
        optional = {"TransformEndTime": job.ended, "FailureReason": job.failure_reason}
        return entry | {key: value for key, value in optional.items() if value}

    return listing.page(call, "TransformJobSummaries", call.backend.transform_jobs.values(), summary)
