"""The pieces that all job requests are made of, and where things are mounted inside a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster import naming
from muster.contracts.pipeline import JobFragment
from muster.settings import Settings

INPUT = "/opt/ml/processing/input"
OUTPUT = "/opt/ml/processing/output"
MUSTER = f"{INPUT}/muster"
CODE = f"{INPUT}/code"
SNAPSHOT = f"{INPUT}/snapshot"
HOLDOUTS = f"{INPUT}/holdouts"
MODEL = f"{INPUT}/model"
PLAN = f"{INPUT}/plan"
KEY = f"{INPUT}/key"
CANDIDATE = f"{INPUT}/candidate"
CHAMPION = f"{INPUT}/champion"

# Hashes are seeded so that a model's own code iterates over sets the same way in every run.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
_GIB = 1024**3


@dataclass(frozen=True)
class Machines:
    """What a processing job runs on."""

    instance_type: str
    volume_gb: int
    max_runtime_seconds: int
    instance_count: int = 1


def processing_input(name: str, uri: str, path: str) -> dict[str, Any]:
    """Return a ProcessingInput: everything below a prefix, or one object, copied to a folder before the start."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": path,
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def processing_output(name: str, path: str, uri: str) -> dict[str, Any]:
    """Return a ProcessingOutput: a folder, copied to a prefix at the end."""
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"}}


def vpc_config(settings: Settings) -> dict[str, Any]:
    """Return a VpcConfig."""
    return {"SecurityGroupIds": list(settings.security_groups), "Subnets": list(settings.subnets)}


def muster_job(
    script: str,
    arguments: Sequence[str],
    *,
    settings: Settings,
    jobs_digest: str,
    image_uri: str,
    inputs: Sequence[dict[str, Any]],
    outputs: Sequence[dict[str, Any]],
    machines: Machines,
    environment: Mapping[str, str] | None = None,
) -> JobFragment:
    """Return the job that runs one of Muster's own scripts (jobs/*.py).

    Parameters
    ----------
    script
        File in jobs/.
    jobs_digest
        Digest of the folder; the code is read from the key of that name.
    image_uri
        The model's own image, pinned: what it trains on is what judges it.
    """
    code = naming.s3_uri(settings.records_bucket, naming.jobs_prefix(jobs_digest))
    return JobFragment(
        image_uri=image_uri,
        inputs=(processing_input("muster", code, MUSTER), *inputs),
        outputs=tuple(outputs),
        entrypoint=("python3", f"{MUSTER}/{script}"),
        arguments=tuple(arguments),
        instance_type=machines.instance_type,
        instance_count=machines.instance_count,
        volume_gb=machines.volume_gb,
        max_runtime_seconds=machines.max_runtime_seconds,
        environment={**ENVIRONMENT, **(environment or {})},
        vpc_config=vpc_config(settings),
    )


def volume_for(data_bytes: int, at_least_gb: int, at_most_gb: int) -> int:
    """Return a volume (GB) that holds some data twice, within bounds."""
    return min(max(at_least_gb, 2 * -(-data_bytes // _GIB) + 5), at_most_gb)
