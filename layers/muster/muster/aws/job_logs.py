"""The end of a SageMaker job's log: where a training script's own words are when SageMaker does not pass them on."""

from botocore.exceptions import ClientError

from muster.aws.clients import Client, client, code_of
from muster.failures import LogPlace

_LINES = 60
"""How much of the end is read: a traceback and what the toolkit adds to it."""


class JobLogs:
    """CloudWatch Logs of SageMaker's jobs."""

    def __init__(self, logs: Client = None) -> None:
        self._logs = logs or client("logs")

    def tail(self, place: LogPlace) -> list[str]:
        """Return the last lines of the job's newest stream, oldest first; nothing when there is no log (yet).

        A transform job has a second one, ``…/data-log``: what became of each file. It comes after the container's own.
        """
        try:
            streams = self._logs.describe_log_streams(
                logGroupName=place.group, logStreamNamePrefix=place.stream_prefix
            )["logStreams"]
            if not streams:
                return []
            data = [each for each in streams if each["logStreamName"].endswith("/data-log")]
            own = [each for each in streams if each not in data]
            newest = [max(each, key=lambda one: one.get("lastEventTimestamp", 0)) for each in (own, data) if each]
            events = [
                event
                for stream in newest
                for event in self._logs.get_log_events(
                    logGroupName=place.group, logStreamName=stream["logStreamName"], limit=_LINES, startFromHead=False
                )["events"]
            ]
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return []
            raise
        return [str(each["message"]) for each in events]
