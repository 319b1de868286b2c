"""The agent's transfers between S3 and a job's folders, always with the job's own role.

Texts are those of FailureReason in AWS: ``Data download failed:`` and ``No S3 objects found under S3 URL`` are quoted in
aws/amazon-sagemaker-examples #2267 and #4384.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from rehearsal.sagemaker.errors import JobFailure


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``.

    Raises
    ------
    JobFailure
        When it is not an S3 URI.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise JobFailure("ClientError", f"{uri} is not a valid S3 URI")
    return bucket, key


def described(error: ClientError) -> str:
    """Return an S3 error as failure reasons show it: ``AccessDenied: Access Denied``."""
    inner = error.response.get("Error", {})
    return f"{inner.get('Code', 'Unknown')}: {inner.get('Message', '')}".rstrip(": ")


class Transfers:
    """S3 as one role sees it.

    Parameters
    ----------
    client
        A boto3 S3 client with the role's credentials.
    kms_key
        Key for what is uploaded (OutputDataConfig.KmsKeyId); without it, the bucket's default.
    """

    def __init__(self, client: Any, kms_key: str | None = None) -> None:
        self.client = client
        self._extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    # ---- down

    def objects(self, uri: str) -> list[tuple[str, str]]:
        """Return ``(key, path relative to the data source)`` of all objects of an S3Prefix data source.

        An S3Prefix is a prefix of keys, not a folder: ``.../train`` also matches ``.../train.csv``.

        Raises
        ------
        botocore.exceptions.ClientError
            As S3 gives it.
        """
        bucket, prefix = split(uri)
        found = []
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                key = item["Key"]
                if not key.endswith("/"):
                    found.append((key, _relative(key, prefix)))
        return found

    def manifest(self, uri: str) -> list[tuple[str, str, str]]:
        """Return ``(bucket, key, relative path)`` of what a ManifestFile data source lists.

        Its form: ``[{"prefix": "s3://bucket/some/prefix/"}, "relative/path-1", ...]`` (API reference, S3DataSource).
        """
        bucket, key = split(uri)
        try:
            entries = json.loads(self.client.get_object(Bucket=bucket, Key=key)["Body"].read())
            base = entries[0]["prefix"]
            names = entries[1:]
            if not all(isinstance(name, str) for name in names):
                raise ValueError("an entry is not text")
        except ClientError as error:
            raise _download_failed(f"Unable to download object {uri} ({described(error)})") from error
        except (ValueError, LookupError, TypeError) as error:
            raise JobFailure("ClientError", f"Manifest file {uri} is not valid: {error}") from error
        return [(*split(base + name), name) for name in names]

    def listed(self, uri: str, data_type: str) -> list[tuple[str, str, str]]:
        """Return bucket, key and relative path of the objects of a data source.

        Raises
        ------
        JobFailure
            ClientError with the reason: nothing there, denied, or a manifest that names what is not there.
        """
        if data_type == "ManifestFile":
            wanted = self.manifest(uri)
        else:
            bucket, _ = split(uri)
            try:
                wanted = [(bucket, key, relative) for key, relative in self.objects(uri)]
            except ClientError as error:
                raise _download_failed(f"Unable to list objects under {uri} ({described(error)})") from error
        if not wanted:
            raise JobFailure("ClientError", nothing_found(uri))
        return wanted

    def download(self, uri: str, data_type: str, folder: Path) -> int:
        """Bring a data source into `folder` and return the number of files; JobFailure as `listed`."""
        wanted = self.listed(uri, data_type)
        for bucket, key, relative in wanted:
            if "//" in key:
                text = (
                    f"Failed to download data. S3 key: s3://{bucket}/{key} has an illegal char sub-sequence '//' in it"
                )
                raise _download_failed(text)
            self._fetch(bucket, key, folder / relative, folder)
        return len(wanted)

    def _fetch(self, bucket: str, key: str, path: Path, folder: Path) -> None:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise _download_failed(f"s3://{bucket}/{key} would be written outside of its folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("wb") as file:
                shutil.copyfileobj(self.client.get_object(Bucket=bucket, Key=key)["Body"], file)
        except ClientError as error:
            raise _download_failed(f"Unable to download object s3://{bucket}/{key} ({described(error)})") from error

    def fetch_one(self, uri: str, path: Path) -> None:
        """Download one object; JobFailure as `download`."""
        bucket, key = split(uri)
        self._fetch(bucket, key, path, path.parent)

    # ---- up

    def upload_file(self, path: Path, uri: str) -> None:
        """Upload one file.

        Raises
        ------
        JobFailure
            ClientError, when S3 or the key's policy refuses it.
        """
        bucket, key = split(uri)
        try:
            with path.open("rb") as file:
                self.client.put_object(Bucket=bucket, Key=key, Body=file, **self._extra)
        except ClientError as error:
            raise JobFailure("ClientError", f"Failed to upload {uri}: {described(error)}") from error

    def upload_bytes(self, body: bytes, uri: str, **members: str) -> None:
        """Upload a text; errors of S3 as they are."""
        bucket, key = split(uri)
        self.client.put_object(Bucket=bucket, Key=key, Body=body, **self._extra, **members)

    def upload_folder(self, folder: Path, uri: str) -> int:
        """Upload every file below `folder` under the prefix `uri`; symbolic links are not followed. Returns the number."""
        count = 0
        for path in files_below(folder):
            self.upload_file(path, f"{uri.rstrip('/')}/{path.relative_to(folder).as_posix()}")
            count += 1
        return count


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below `folder` in a fixed order, without symbolic links."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def archive(folder: Path, target: Path) -> None:
    """Write ``target`` (tar.gz) with the content of `folder`, names relative to it, in a fixed order."""
    with tarfile.open(target, "w:gz", compresslevel=1) as tar:
        for path in files_below(folder):
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False)


def is_empty(folders: Iterable[Path]) -> bool:
    """Whether none of the folders holds a file."""
    return not any(True for folder in folders for _ in files_below(folder))


def nothing_found(uri: str, region: str = "", role: str = "") -> str:
    """Return SageMaker's text for a prefix without objects."""
    bucket, _ = split(uri)
    where = f" ({region})" if region else ""
    who = f', and that the role "{role}" has "s3:ListBucket" permissions on bucket "{bucket}"' if role else ""
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists in '
        f"the selected region{where}, that objects exist under that S3 prefix{who}."
    )


def _download_failed(text: str) -> JobFailure:
    return JobFailure("ClientError", f"Data download failed:{text}")


def _relative(key: str, prefix: str) -> str:
    if key == prefix:
        return key.rsplit("/", 1)[-1]
    if not prefix or prefix.endswith("/"):
        return key[len(prefix) :]
    if key.startswith(prefix + "/"):
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]
