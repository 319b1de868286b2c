"""Removes from a built layer what no function uses: numpy's tests, its Fortran wrapper generator, headers, stubs, caches.

Usage: ``python trim.py <layer>/python``
"""

import shutil
import sys
from pathlib import Path

UNUSED_FOLDERS = ("tests", "__pycache__", "f2py", "include", "bin")
UNUSED_FILES = ("*.pyi", "*.a", "*.pxd")


def trim(packages: Path) -> None:
    """Trim the packages in a folder, in place.

    Raises
    ------
    SystemExit
        When numpy is not there, or its layout has changed so that nothing is found to remove.
    """
    folders = [each for name in UNUSED_FOLDERS for each in packages.rglob(name) if each.is_dir()]
    if not any(each.name == "tests" and "numpy" in each.parts for each in folders):
        sys.exit(f"{packages}: found no tests of numpy, wanted a layer that has just been installed")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for pattern in UNUSED_FILES:
        for file in packages.rglob(pattern):
            file.unlink()


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
