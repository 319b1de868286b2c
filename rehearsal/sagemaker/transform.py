"""CreateTransformJob and its relatives: a model's container answers the records of objects in S3.

"Use batch transform to run inference with Amazon SageMaker AI", developer guide; API reference, DescribeTransformJob.
The container is the one that endpoints use. A file that cannot be processed leaves no output and fails the job when all
others are done. FailureReason: the kind of error and "See job logs for more information", as quoted in aws/sagemaker-python-sdk's issues (#753, #2084).
That an answer of 4xx is a ClientError and one of 5xx an AlgorithmError is taken from there too; AWS documents neither.
"""

from __future__ import annotations

import gzip
from typing import Any

from rehearsal.sagemaker import events, images, logs, roles, transform_data
from rehearsal.sagemaker.errors import JobFailure
from rehearsal.sagemaker.hosting_api import Model
from rehearsal.sagemaker.jobs import Job
from rehearsal.sagemaker.model_server import FleetFailure, ModelServer
from rehearsal.sagemaker.s3 import split
from rehearsal.sagemaker.transform_data import MEGABYTE, BadRecord, Filter

#: ModelClientConfig's defaults (API reference).
INVOCATION_SECONDS, RETRIES = 600, 3
#: MaxPayloadInMB when the request does not say.
PAYLOAD_MB = 6
_EVENT = [
    "TransformJobName",
    "TransformJobArn",
    "TransformJobStatus",
    "FailureReason",
    "ModelName",
    "MaxConcurrentTransforms",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "CreationTime",
    "TransformStartTime",
    "TransformEndTime",
]


class TransformJob(Job):
    """A batch transform job.

    Parameters
    ----------
    model
        The model it runs, whose execution role does everything for it.
    backend
        moto's backend, where the model's package is looked up.
    """

    kind = "transform"

    def __init__(self, request: dict[str, Any], region: str, arn: str, name: str, model: Model, backend: Any) -> None:
        self.model = model
        self._backend = backend
        self._server: ModelServer | None = None
        super().__init__(request, region, arn, name, _image(model, backend))
        data = self.container.folder / "data-log.txt"
        data.touch()
        self._data_log = data
        self._data = logs.Shipper(
            self.host,
            self.role,
            data,
            logs.GROUPS[self.kind],
            f"{self.shipper.stream}/data-log",
            self.container.outside,
        )

    # ---- what it is

    @property
    def role(self) -> str:
        """Execution role of the model."""
        arn: str = self.model.request["ExecutionRoleArn"]
        return arn

    @property
    def isolated(self) -> bool:
        """EnableNetworkIsolation of the model."""
        return self.model.isolated

    @property
    def _payload(self) -> int:
        return int(self.request.get("MaxPayloadInMB", PAYLOAD_MB))

    @property
    def _single(self) -> bool:
        return bool(self.request.get("BatchStrategy") == "SingleRecord")

    def _path(self, member: str) -> Filter:
        return Filter.of(self.request.get("DataProcessing", {}).get(member, "$"))

    def describe(self) -> dict[str, Any]:
        """Return the DescribeTransformJob response."""
        answer = {name: value for name, value in self.request.items() if name != "Tags"}
        answer |= {
            "TransformJobArn": self.arn,
            "TransformJobStatus": self.status,
            "CreationTime": self.created,
        }
        optional = {
            "TransformStartTime": self.started,
            "TransformEndTime": self.ended,
            "FailureReason": self.failure_reason,
        }
        return answer | {name: value for name, value in optional.items() if value}

    def announce(self) -> None:
        """Send "SageMaker Transform Job State Change"."""
        described = self.describe()
        detail = {name: described[name] for name in _EVENT if name in described}
        detail["Tags"] = events.tags_of(self.tags)
        detail = events.milliseconds(detail)
        events.emit(self.host, self.region, "SageMaker Transform Job State Change", self.arn, detail)

    # ---- its life

    def start(self) -> None:
        """Start the agent."""
        self.changed()
        super().start()

    def _end_child(self) -> None:
        """A stopped job ends its container, and with it the request that it is answering."""
        if self._server is not None:
            self._server.close()

    def run(self) -> None:
        """Serve the model, transform every object, finish."""
        roles.check_vpc(self.host, self.role, self.model.request.get("VpcConfig"))
        places = self._places()
        try:
            self._serve()
            self.started = self.host.clock.now()
            self.changed()
            self._say(f"MaxConcurrentTransforms={self._concurrent}, MaxPayloadInMB={self._payload}, "
                      f"BatchStrategy={'SINGLE_RECORD' if self._single else 'MULTI_RECORD'}")  # fmt: skip
            kinds = [kind for kind in (self._transform(*place) for place in places if not self.stopping) if kind]
        finally:
            self._end_child()
            self._data.ship(last=True)
        if self.stopping:
            self.finish("Stopped")
        elif kinds:
            self.finish("Failed", f"{kinds[0]}: See job logs for more information")
        else:
            self.finish("Completed")

    @property
    def _concurrent(self) -> int:
        return int(self.request.get("MaxConcurrentTransforms") or 1)

    def _places(self) -> list[tuple[str, str, str]]:
        """Return bucket, key and relative path of the input objects."""
        source = self.request["TransformInput"]["DataSource"]["S3DataSource"]
        return self.transfers().listed(source["S3Uri"], source["S3DataType"])

    def _serve(self) -> None:
        client = self.request.get("ModelClientConfig", {})
        own = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self._payload),
            "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD" if self._single else "MULTI_RECORD",
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self._concurrent),
        }
        server = ModelServer(
            self.host,
            self.model,
            self._backend,
            self.container,
            self.shipper,
            self.who,
            "AlgorithmError: Model container failed to respond to ping; Please ensure /ping endpoint is implemented "
            "correctly and responds with 200 status code",
            timeout=float(client.get("InvocationsTimeoutInSeconds", INVOCATION_SECONDS)),
            environment={**self.request.get("Environment", {}), **own},
        )
        with self._lock:
            if self.stopping:
                return
            self._server = server
        try:
            server.start()
        except FleetFailure as failure:
            if not self.stopping:
                kind, _, text = str(failure).partition(": ")
                known = kind in ("AlgorithmError", "ClientError")
                raise JobFailure(kind if known else "ClientError", text if known else str(failure)) from failure

    # ---- one object

    def _transform(self, bucket: str, key: str, relative: str) -> str | None:
        """Transform one object and upload the result; return the kind of error when it cannot be processed."""
        given = self.container.folder / "input"
        self.transfers().fetch_one(f"s3://{bucket}/{key}", given)
        body = given.read_bytes()
        if self.request["TransformInput"].get("CompressionType") == "Gzip":
            body = gzip.decompress(body)
        try:
            answers = self._answers(body)
        except BadRecord as error:
            self._say(f"{bucket}/{key}: {error}")
            return error.kind
        if not self.stopping:
            output = self.request["TransformOutput"]
            place, prefix = split(f"{output['S3OutputPath'].rstrip('/')}/{relative}.out")
            result = self.container.folder / "output"
            result.write_bytes(answers)
            self.transfers(output.get("KmsKeyId")).upload_file(result, f"s3://{place}/{prefix}")
        return None

    def _answers(self, body: bytes) -> bytes:
        by_line = self.request["TransformOutput"].get("AssembleWith") == "Line"
        most = self._payload * MEGABYTE
        if self.request["TransformInput"].get("SplitType", "None") == "None":
            if len(body) > most:
                raise BadRecord(f"the object has {len(body)} bytes; MaxPayloadInMB allows {most}")
            return transform_data.assembled([self._invoke(body)], by_line)
        lines = transform_data.records(body)
        return transform_data.assembled(self._of_lines(lines, most), by_line)

    def _of_lines(self, lines: list[str], most: int) -> list[bytes]:
        sent, kept = self._path("InputFilter"), self._path("OutputFilter")
        joins = self.request.get("DataProcessing", {}).get("JoinSource") == "Input"
        found, position = [], 0
        for batch in transform_data.batches(
            [transform_data.filtered(line, sent) for line in lines], most, self._single
        ):
            if self.stopping:
                break
            answer = self._invoke("".join(f"{line}\n" for line in batch).encode())
            if joins:
                rows = transform_data.joined(lines[position : position + len(batch)], answer, kept)
            elif not kept.whole:
                rows = [transform_data.filtered(row, kept) for row in transform_data.records(answer)]
            found.append(answer if not joins and kept.whole else "".join(f"{row}\n" for row in rows).encode())
            position += len(batch)
        return found

    def _invoke(self, body: bytes) -> bytes:
        """Send one mini-batch; a server's error is tried again (ModelClientConfig).

        Raises
        ------
        BadRecord
            When the last try has failed, with the kind of error that the job ends with.
        """
        assert self._server is not None
        headers = {"Content-Type": self.request["TransformInput"].get("ContentType", "application/octet-stream")}
        if accept := self.request["TransformOutput"].get("Accept"):
            headers["Accept"] = accept
        tries = 1 + int(self.request.get("ModelClientConfig", {}).get("InvocationsMaxRetries", RETRIES))
        for _ in range(tries):
            answer = self._server.invoke(body, headers)
            if answer.status < 500 or self.stopping:
                break
        if answer.status == 200 or self.stopping:
            return answer.body
        kind = "AlgorithmError" if answer.status >= 500 else "ClientError"
        said = answer.body.decode(errors="replace")[:1024]
        raise BadRecord(f"Bad HTTP status received from algorithm: {answer.status}. Message: {said}", kind)

    def _say(self, text: str) -> None:
        """Write a line into the data log, as the agent does."""
        moment = self.host.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        with self._data_log.open("a") as file:
            file.write(f"{moment}:[sagemaker logs]: {text}\n")


def _image(model: Model, backend: Any) -> images.Image:
    return images.find(model.container(backend)["Image"])
