"""CreateTrainingJob and its relatives: channels, hyperparameters, model.tar.gz, checkpoints, spot interruption, metrics.

Contract of the container: "How Amazon SageMaker AI Runs Your Training Image", developer guide. Statuses, messages and
members: API reference, DescribeTrainingJob and SecondaryStatusTransition.
"""

from __future__ import annotations

import json
import math
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from rehearsal.sagemaker import control, events, job_metrics, roles, s3
from rehearsal.sagemaker.errors import JobFailure
from rehearsal.sagemaker.images import Image
from rehearsal.sagemaker.jobs import Job, never

#: Part of the time that managed spot training bills. AWS says up to 90 % off; the rehearsal's figure is made up.
SPOT_PRICE = 0.3
#: Seconds of rehearsal time until there is spot capacity again after an interruption.
SPOT_WAIT = 30.0

_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "Interrupted": "Training job interrupted: the spot capacity was taken back",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job runtime exceeded MaxWaitTimeInSeconds provided",
}
_EVENT = [
    "TrainingJobName",
    "TrainingJobArn",
    "TrainingJobStatus",
    "SecondaryStatus",
    "FailureReason",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "SecondaryStatusTransitions",
    "ModelArtifacts",
    "FinalMetricDataList",
]


class TrainingJob(Job):
    """A training job."""

    kind = "training"

    def __init__(self, request: dict[str, Any], region: str, arn: str, name: str, image: Image) -> None:
        super().__init__(request, region, arn, name, image)
        self.transitions: list[dict[str, Any]] = []
        self.training_seconds = 0.0
        self.metrics: list[dict[str, Any]] = []
        self.secondary = ""
        self._spot = bool(request.get("EnableManagedSpotTraining"))
        self._checkpoints = request.get("CheckpointConfig") or {}
        self._interrupted = False
        self._attempt_began: datetime | None = None
        self._enter("Starting")

    @property
    def isolated(self) -> bool:
        """EnableNetworkIsolation."""
        return bool(self.request.get("EnableNetworkIsolation"))

    @property
    def output(self) -> str:
        """S3 prefix of the job's results."""
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    @property
    def artifact(self) -> str:
        """S3 URI of the model artifact, as ModelArtifacts gives it even when the job wrote none."""
        plain = self.request["OutputDataConfig"].get("CompressionType") == "NONE"
        return f"{self.output}/model/" if plain else f"{self.output}/model.tar.gz"

    # ---- record

    def move(self, secondary: str) -> None:
        """Enter a secondary status and tell the bus, unless it is a final one (see `finish`)."""
        if not self._enter(secondary):
            self.changed()

    def _enter(self, secondary: str) -> bool:
        """Enter a secondary status; whether it is a final one."""
        now = self.host.clock.now()
        if self.transitions:
            self.transitions[-1]["EndTime"] = now
        self.secondary = secondary
        entry = {"Status": secondary, "StartTime": now, "StatusMessage": _MESSAGES[secondary]}
        self.transitions.append(entry)
        final = secondary in ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded")
        if final:
            entry["EndTime"] = now
        return final

    def start(self) -> None:
        """Start the agent."""
        self.changed()
        super().start()

    def stop(self) -> None:
        """Ask the job to end; its model is still uploaded."""
        super().stop()
        self.move("Stopping")

    def finish(self, status: str, reason: str = "") -> None:
        """Set the final status, with the secondary status that belongs to it."""
        self._end_attempt()
        limit = {"runtime": "MaxRuntimeExceeded", "wait": "MaxWaitTimeExceeded"}.get(self.expired, status)
        self.move(limit if status == "Stopped" else status)
        super().finish(status, reason)

    def describe(self) -> dict[str, Any]:
        """Return the DescribeTrainingJob response."""
        skipped = ("Tags", "SessionChainingConfig", "ExperimentConfig")
        answer = {name: value for name, value in self.request.items() if name not in skipped}
        answer.setdefault("HyperParameters", {})
        answer |= {
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary,
            "SecondaryStatusTransitions": [dict(entry) for entry in self.transitions],
            "ModelArtifacts": {"S3ModelArtifacts": self.artifact},
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "EnableNetworkIsolation": self.isolated,
            "EnableInterContainerTrafficEncryption": self.request.get("EnableInterContainerTrafficEncryption", False),
            "EnableManagedSpotTraining": self._spot,
            "ProfilingStatus": "Disabled",
        }
        if self.started:
            answer["TrainingStartTime"] = self.started
        if self.ended:
            answer["TrainingEndTime"] = self.ended
            if self.started:
                seconds = max(1, math.ceil(self.training_seconds))
                answer["TrainingTimeInSeconds"] = seconds
                answer["BillableTimeInSeconds"] = max(1, math.ceil(seconds * SPOT_PRICE)) if self._spot else seconds
        if self.failure_reason:
            answer["FailureReason"] = self.failure_reason
        if self.metrics:
            answer["FinalMetricDataList"] = self.metrics
        return answer

    def announce(self) -> None:
        """Send "SageMaker Training Job State Change"."""
        described = self.describe()
        detail = {name: described[name] for name in _EVENT if name in described}
        detail["Tags"] = events.tags_of(self.tags)
        detail = events.milliseconds(detail)
        events.emit(self.host, self.region, "SageMaker Training Job State Change", self.arn, detail)

    # ---- life

    def run(self) -> None:
        """Run attempts until one is not interrupted, then upload and finish."""
        stopping = self.request["StoppingCondition"]
        self.limit("runtime", stopping.get("MaxRuntimeInSeconds", 86400))
        if self._spot:
            self.limit("wait", stopping["MaxWaitTimeInSeconds"])
        while True:
            status = self._attempt()
            self._save_checkpoints()
            self._end_attempt()
            if not self._interrupted or self.stopping:
                break
            self.move("Interrupted")
            if self.host.clock.sleep(SPOT_WAIT, self._stopping):
                break
            self.move("Starting")
        if self.stopping:
            self._upload_results()
            self.finish("Stopped")
            return
        definitions = self.request["AlgorithmSpecification"].get("MetricDefinitions", [])
        log = self.container.log.read_text(errors="replace")
        self.metrics = job_metrics.final(definitions, log, self.host.clock.now())
        reason = self._failure(status) if status else ""
        self._upload_results()
        self.finish("Failed" if reason else "Completed", reason)

    def _attempt(self) -> int:
        """Provision, download, train once."""
        roles.check_vpc(self.host, self.role, self.request.get("VpcConfig"))
        self._attempt_began = self.host.clock.now()
        if self.started is None:
            self.started = self._attempt_began
        self.move("Downloading")
        self._prepare()
        self.move("Training")
        self._interrupted = False
        specification = self.request["AlgorithmSpecification"]
        argv = list(specification.get("ContainerEntrypoint", [])) + list(specification.get("ContainerArguments", []))
        own = {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn}
        watch = never
        order = control.orders().take(control.orders().interruptions, self.name) if self._spot else None
        if order is not None:
            watch = self._interrupter(order)  # type: ignore[assignment]
        return self.execute(argv or None, {**self.request.get("Environment", {}), **own}, watch, self._source())

    def _source(self) -> str | None:
        """Fetch code that is named by an S3 URI, for which the toolkit in the container would use the same role."""
        uri = hyperparameter(self.request, "sagemaker_submit_directory") or ""
        if self.isolated or not uri.startswith("s3://"):
            return None
        place = self.container.folder / "sourcedir.tar.gz"
        self.transfers().fetch_one(uri, place)
        return str(place)

    def _end_attempt(self) -> None:
        if self._attempt_began is not None:
            self.training_seconds += (self.host.clock.now() - self._attempt_began).total_seconds()
            self._attempt_began = None

    def _prepare(self) -> None:
        """Fill /opt/ml as the platform does before the container starts."""
        box = self.container
        for name in ("input/config", "input/data", "model", "output/data", "checkpoints", "code"):
            box.folder_at(f"/opt/ml/{name}")
        for stale in ("model", "output/data"):  # an interrupted attempt had other instances
            _empty(box.folder_at(f"/opt/ml/{stale}"))
        resources = self.request["ResourceConfig"]
        host = {
            "current_host": "algo-1",
            "current_instance_type": resources["InstanceType"],
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": resources["InstanceType"],
                    "hosts": ["algo-1"],
                }
            ],
            "network_interface_name": "eth0",
        }
        channels = self.request.get("InputDataConfig", [])
        box.write_json("/opt/ml/input/config/hyperparameters.json", self.request.get("HyperParameters", {}))
        box.write_json("/opt/ml/input/config/resourceconfig.json", host)
        box.write_json(
            "/opt/ml/input/config/inputdataconfig.json", {item["ChannelName"]: _as_seen(item) for item in channels}
        )
        if resources["InstanceCount"] > 1:
            with box.log.open("a") as file:
                file.write(f"rehearsal: one of {resources['InstanceCount']} instances is rehearsed, algo-1\n")
        transfers = self.transfers()
        for item in channels:
            source = item["DataSource"]["S3DataSource"]
            folder = box.folder_at(f"/opt/ml/input/data/{item['ChannelName']}")
            if s3.is_empty([folder]):
                transfers.download(source["S3Uri"], source["S3DataType"], folder)
        self._restore_checkpoints(transfers)

    # ---- checkpoints

    @property
    def _checkpoint_folder(self) -> Path:
        return self.container.folder_at(self._checkpoints.get("LocalPath") or "/opt/ml/checkpoints")

    def _restore_checkpoints(self, transfers: s3.Transfers) -> None:
        if self._checkpoints:
            self.container.write_json("/opt/ml/input/config/checkpointconfig.json", self._checkpoints)
            folder = self._checkpoint_folder
            _empty(folder)
            try:
                transfers.download(self._checkpoints["S3Uri"].rstrip("/") + "/", "S3Prefix", folder)
            except JobFailure as failure:
                if "No S3 objects found" not in str(failure):
                    raise

    def _save_checkpoints(self) -> None:
        if self._checkpoints and not s3.is_empty([self._checkpoint_folder]):
            self.transfers().upload_folder(self._checkpoint_folder, self._checkpoints["S3Uri"])

    def _interrupter(self, order: control.Order) -> Any:
        """Return a watch that says when to take the capacity away."""
        before = _state(self._checkpoint_folder) if order.after_checkpoint else None
        seen: list[Any] = [None]

        def watch() -> bool:
            if order.after_checkpoint:
                now = _state(self._checkpoint_folder)
                stable, seen[0] = now == seen[0], now
                if now == before or not stable:  # nothing new, or still being written
                    return False
            self._interrupted = True
            return True

        return watch

    # ---- results

    def _upload_results(self) -> None:
        """Upload model and output, also of a job that failed or was stopped, as AWS does."""
        if self.started is None or self.secondary in ("Starting", "Interrupted"):
            return
        if not self.stopping:
            self.move("Uploading")
        box = self.container
        transfers = self.transfers(self.request["OutputDataConfig"].get("KmsKeyId"))
        model, data = box.path("/opt/ml/model"), box.path("/opt/ml/output/data")
        plain = self.request["OutputDataConfig"].get("CompressionType") == "NONE"
        with tempfile.TemporaryDirectory(dir=box.folder) as place:
            for folder, name in ((model, "model"), (data, "output")):
                if s3.is_empty([folder]):
                    if folder is model:
                        with box.log.open("a") as file:
                            file.write("No model artifact is saved under path /opt/ml/model.\n")
                elif plain:
                    transfers.upload_folder(folder, f"{self.output}/{name}")
                else:
                    packed = Path(place, f"{name}.tar.gz")
                    s3.archive(folder, packed)
                    transfers.upload_file(packed, f"{self.output}/{name}.tar.gz")

    def _failure(self, status: int) -> str:
        """Return the failure reason: ``AlgorithmError: <failure file>, exit code: <n>``.

        In script mode the toolkit overwrites the failure file with its own message, which has the command and not the
        script's words (sagemaker_containers._trainer; the XGBoost image does not capture standard error): those are in
        the log only.
        """
        command = self.container.folder / "command.txt"
        code = 128 - status if status < 0 else status
        if command.exists() and not self.request["AlgorithmSpecification"].get("ContainerEntrypoint"):
            text = f'ExecuteUserScriptError:\nCommand "{self.container.outside(command.read_text())}"'
            self.container.path("/opt/ml/output/failure").write_text(text)
        text = self.container.outside(self.container.read_text("/opt/ml/output/failure"))
        return f"AlgorithmError: {text.strip()}, exit code: {code}"


def _as_seen(channel: dict[str, Any]) -> dict[str, Any]:
    """Return a channel as inputdataconfig.json has it."""
    seen = {
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": channel["DataSource"]["S3DataSource"].get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return {"ContentType": channel["ContentType"], **seen} if "ContentType" in channel else seen


def _empty(folder: Path) -> None:
    for path in list(s3.files_below(folder)):
        path.unlink()


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file, to see whether anything changes."""
    state = {}
    for path in s3.files_below(folder):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        state[str(path)] = (found.st_size, found.st_mtime_ns)
    return state


def hyperparameter(request: dict[str, Any], name: str) -> str | None:
    """Return a hyperparameter's text; one that is JSON text is read, as the SDK writes all as JSON."""
    value = request.get("HyperParameters", {}).get(name)
    if value is None:
        return None
    try:
        parsed = json.loads(value)
    except ValueError:
        return value
    return parsed if isinstance(parsed, str) else value
