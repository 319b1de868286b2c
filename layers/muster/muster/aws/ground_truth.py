"""Labels in the data bucket: ``ground_truth/<endpoint>/yyyy/mm/dd/hh/``, by the hour of their collection, each file
pinned by its version."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from muster.aws.captures import pinned_below
from muster.aws.clients import Client, client
from muster.captures import CapturedFile, hour_of
from muster.naming import ground_truth_prefix
from muster.settings import Settings

_DAY = timedelta(days=1)
_THREADS = 8


class GroundTruth:
    """Files of labels, by the hour of their collection."""

    def __init__(self, s3: Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    @classmethod
    def of(cls, settings: Settings) -> "GroundTruth":
        """Return the ground truth of an installation."""
        return cls(client("s3"), settings.data_bucket)

    def between(self, endpoint: str, start: datetime, end: datetime) -> list[CapturedFile]:
        """Return the files that were collected from the hour of `start` until `end`, in the order of their keys.

        Files outside an hour's folder are not found: it is what says when they were collected.

        Raises
        ------
        DataRefused
            When a file has no version: what was judged by it could not be told later.
        """
        first = hour_of(start)
        days = [first + number * _DAY for number in range((end - first.replace(hour=0)) // _DAY + 1)]

        def of_day(day: datetime) -> list[CapturedFile]:
            prefix = f"{ground_truth_prefix(endpoint)}{day:%Y/%m/%d}/"
            return [each for each in pinned_below(self._s3, self._bucket, prefix) if first <= each.at < end]

        with ThreadPoolExecutor(_THREADS) as pool:
            found = [each for files in pool.map(of_day, days) for each in files]
        return sorted(found, key=lambda each: each.uri)
