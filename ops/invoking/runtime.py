"""What stands in for ``/var/runtime`` and ``/var/lang`` of Lambda's image: Python and the runtime interface client.

Python starts without its site-packages, so a function finds what its folder and its layers hold, and nothing else.
"""

import platform
import sys
from functools import cache
from importlib import metadata, util
from pathlib import Path

from muster.errors import MusterError

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The Python that runs functions here: this process's. A build's compiled packages load in the Runtime of its functions only."""
_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
_MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}


class NoEmulator(MusterError):
    """This machine or environment cannot run the emulator; `sam local invoke`, in a container, is the other way."""


@cache
def emulator() -> Path:
    """Return the emulator that SAM CLI puts into its containers: a Linux program.

    Raises
    ------
    NoEmulator
        Says what is missing.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        raise NoEmulator(
            f"machine: found {sys.platform} on {platform.machine()}, wanted Linux on x86_64 or arm64: use sam local invoke"
        )
    # The package's place, without importing it: that would take seconds.
    package = util.find_spec("samcli")
    if package is None or package.origin is None:
        raise NoEmulator("SAM CLI: found none, wanted the packages of the tests: make build")
    return Path(package.origin).parent / "local" / "rapid" / f"aws-lambda-rie-{machine}"


def python() -> list[str]:
    """Return the command that runs the interface client, without any package of this process's environment."""
    return [str(Path(sys.base_prefix) / "bin" / VERSION), "-S", "-m", "awslambdaric"]


def client(folder: Path) -> Path:
    """Make a folder with links to the interface client and what it imports, and return it.

    Lambda's own ``/var/runtime`` has boto3 too; functions bring theirs in the layer, so it is left out.

    Raises
    ------
    NoEmulator
        When the client is not installed.
    """
    for name in _CLIENT:
        link_distribution(name, folder)
    return folder


def link_distribution(name: str, folder: Path) -> None:
    """Link what an installed distribution consists of into a folder.

    Raises
    ------
    NoEmulator
        When it is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise NoEmulator(f"{name}: found none, wanted the packages of the tests: make build") from error
    for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
        if not (folder / top).exists():
            (folder / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
