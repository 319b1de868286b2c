"""SageMaker's endpoints and the alarms that belong to them: what there is, what it answers."""

from typing import Any

from botocore.exceptions import ClientError

from muster.aws.clients import Call, Client, client, code_of, message_of
from muster.naming import OWN_REQUEST


class Serving:
    """Endpoints, their configurations, their answers and their alarms."""

    def __init__(self, sagemaker: Client = None, runtime: Client = None, cloudwatch: Client = None) -> None:
        self._sagemaker = sagemaker or client("sagemaker")
        self._runtime = runtime or client("sagemaker-runtime")
        self._cloudwatch = cloudwatch or client("cloudwatch")

    def endpoint(self, name: str) -> dict[str, Any] | None:
        """Return DescribeEndpoint's members, or None when there is no such endpoint."""
        return self._described(self._sagemaker.describe_endpoint, EndpointName=name)

    def config(self, name: str) -> dict[str, Any] | None:
        """Return DescribeEndpointConfig's members, or None when there is no such configuration."""
        return self._described(self._sagemaker.describe_endpoint_config, EndpointConfigName=name)

    def model(self, name: str) -> dict[str, Any] | None:
        """Return DescribeModel's members, or None when there is no such model."""
        return self._described(self._sagemaker.describe_model, ModelName=name)

    @staticmethod
    def _described(call: Call, **arguments: str) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = call(**arguments)
        except ClientError as error:
            # SageMaker says "Could not find …" under the code of every bad request.
            if code_of(error) == "ResourceNotFound" or (
                code_of(error) == "ValidationException" and "could not find" in message_of(error).lower()
            ):
                return None
            raise
        return answer

    def invoke(
        self, endpoint: str, body: str, content_type: str, what: str, variant: str | None = None
    ) -> tuple[int, str]:
        """Return HTTP status and body of an endpoint's answer to one of Muster's own requests.

        ``what`` names it in what is captured, so that monitoring knows it from traffic (`naming.OWN_REQUEST`); ``variant``
        is who has to answer, None: whoever traffic is led to.

        An error of the model or its container is an answer (SageMaker reports it as ``ModelError`` with the original
        status), as is "no instance is ready": the caller judges it. A fault of AWS is an error.
        """
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=endpoint,
                Body=body.encode(),
                ContentType=content_type,
                Accept=content_type,
                InferenceId=f"{OWN_REQUEST}{what}",
                **({"TargetVariant": variant} if variant else {}),
            )
        except ClientError as error:
            if code_of(error) == "ModelError":
                details: Any = error.response
                return int(details.get("OriginalStatusCode") or 500), str(details.get("OriginalMessage") or "")
            if code_of(error) in ("ModelNotReadyException", "ValidationError"):
                return 503 if code_of(error) == "ModelNotReadyException" else 400, message_of(error)
            raise
        return 200, str(answer["Body"].read().decode(errors="replace"))

    def alarms(self, prefix: str) -> list[str]:
        """Return the names of the metric alarms that begin so."""
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"]
        )
        return [each["AlarmName"] for page in pages for each in page["MetricAlarms"]]

    def delete_alarms(self, names: list[str]) -> None:
        """Remove alarms; one that is gone already is no error."""
        for start in range(0, len(names), 100):  # DeleteAlarms takes 100 names
            self._cloudwatch.delete_alarms(AlarmNames=names[start : start + 100])
