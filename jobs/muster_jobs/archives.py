"""Unpack a tarball without letting it write elsewhere.

Python 3.10's early releases have no ``tarfile.data_filter``, and the image's release is not ours to choose, so the rule
is spelt out: regular files and folders below the target, nothing else.
"""

import tarfile
from pathlib import Path, PurePosixPath

from muster_jobs.failure import JobError


def unpack(archive: Path, target: Path) -> None:
    """Unpack a ``.tar.gz`` into `target`; JobError names the first member that is not allowed, before any is written."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            for member in members:
                check_member(archive, member)
            target.mkdir(parents=True, exist_ok=True)
            tar.extractall(target, members=members)  # nosec B202 # noqa: S202 - every member has been checked
    except (tarfile.TarError, EOFError, OSError) as error:
        raise JobError(f"{archive.name} cannot be unpacked: {error}") from error


def check_member(archive: Path, member: tarfile.TarInfo) -> None:
    """Raise JobError for links, devices, absolute paths and paths that climb out."""
    path = PurePosixPath(member.name)
    if not (member.isfile() or member.isdir()):
        raise JobError(f"{archive.name}: {member.name} is a link or a device; only files and folders are allowed")
    if path.is_absolute() or ".." in path.parts:
        raise JobError(f"{archive.name}: {member.name} would be written outside the folder")
