"""CreateProcessingJob and its relatives: inputs, outputs, entry point, exit message.

Contract of the container: "How Amazon SageMaker AI Runs Your Processing Container Image" and "... Configures Input and
Output", developer guide.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from rehearsal.sagemaker import events, roles, s3
from rehearsal.sagemaker.jobs import Job, never

_EVENT = [
    "ProcessingJobName",
    "ProcessingJobArn",
    "ProcessingJobStatus",
    "FailureReason",
    "ExitMessage",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "CreationTime",
    "ProcessingStartTime",
    "ProcessingEndTime",
    "LastModifiedTime",
]


class ProcessingJob(Job):
    """A processing job."""

    kind = "processing"
    exit_message = ""

    @property
    def isolated(self) -> bool:
        """NetworkConfig.EnableNetworkIsolation."""
        return bool(self.request.get("NetworkConfig", {}).get("EnableNetworkIsolation"))

    @property
    def _outputs(self) -> list[dict[str, Any]]:
        return self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])

    def describe(self) -> dict[str, Any]:
        """Return the DescribeProcessingJob response."""
        answer = {name: value for name, value in self.request.items() if name != "Tags"}
        answer |= {
            "ProcessingJobArn": self.arn,
            "ProcessingJobStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        }
        optional = {
            "ProcessingStartTime": self.started,
            "ProcessingEndTime": self.ended,
            "ExitMessage": self.exit_message,
            "FailureReason": self.failure_reason,
        }
        return answer | {name: value for name, value in optional.items() if value}

    def announce(self) -> None:
        """Send "SageMaker Processing Job State Change"."""
        described = self.describe()
        detail = {name: described[name] for name in _EVENT if name in described}
        detail["Tags"] = events.tags_of(self.tags)
        detail = events.milliseconds(detail)
        events.emit(self.host, self.region, "SageMaker Processing Job State Change", self.arn, detail)

    def start(self) -> None:
        """Start the agent."""
        self.changed()
        super().start()

    def run(self) -> None:
        """Download, run, upload, finish."""
        roles.check_vpc(self.host, self.role, self.request.get("NetworkConfig", {}).get("VpcConfig"))
        self.limit("runtime", self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400))
        self._prepare()
        self.started = self.host.clock.now()
        self.changed()
        application = self.request["AppSpecification"]
        argv = list(application.get("ContainerEntrypoint", [])) + list(application.get("ContainerArguments", []))
        own = {"PROCESSING_JOB_NAME": self.name}
        status = self.execute(argv, {**self.request.get("Environment", {}), **own}, never)
        self.exit_message = self.container.outside(self.container.read_text("/opt/ml/output/message")).strip()
        failed = status != 0
        if not self.stopping:
            self._upload("Continuous" if failed else None)
        if self.stopping:
            # No text of AWS's own is known for the time limit; DescribeProcessingJob then says Stopped.
            text = "Job stopped: MaxRuntimeInSeconds exceeded" if self.expired else ""
            self.finish("Stopped", text)
        elif failed:
            self.finish("Failed", "AlgorithmError: See job logs for more information")
        else:
            self.finish("Completed")

    def _prepare(self) -> None:
        box = self.container
        cluster = self.request["ProcessingResources"]["ClusterConfig"]
        for name in ("config", "processing", "output"):
            box.folder_at(f"/opt/ml/{name}")
        box.write_json(
            "/opt/ml/config/processingjobconfig.json",
            {"ProcessingJobArn": self.arn, **{k: v for k, v in self.request.items() if k != "Tags"}},
        )
        box.write_json(
            "/opt/ml/config/resourceconfig.json",
            {"current_host": "algo-1", "hosts": ["algo-1"], "current_instance_type": cluster["InstanceType"]},
        )
        if cluster["InstanceCount"] > 1:
            with box.log.open("a") as file:
                file.write(f"rehearsal: one of {cluster['InstanceCount']} instances is rehearsed, algo-1\n")
        for output in self._outputs:
            box.folder_at(output["S3Output"]["LocalPath"])
        transfers = self.transfers()
        for item in self.request.get("ProcessingInputs", []):
            given = item["S3Input"]
            folder = box.folder_at(given["LocalPath"])
            transfers.download(given["S3Uri"], given["S3DataType"], folder)
            if given.get("S3CompressionType") == "Gzip":
                _unzip(folder)

    def _upload(self, only: str | None) -> None:
        """Upload the outputs; with `only`, those of one upload mode."""
        transfers = self.transfers(self.request.get("ProcessingOutputConfig", {}).get("KmsKeyId"))
        for output in self._outputs:
            target = output["S3Output"]
            if only is None or target["S3UploadMode"] == only:
                transfers.upload_folder(self.container.path(target["LocalPath"]), target["S3Uri"])


def _unzip(folder: Path) -> None:
    for path in list(s3.files_below(folder)):
        if path.suffix == ".gz":
            path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
            path.unlink()
