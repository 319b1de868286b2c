"""How large the layer is that `sam build` makes: built here with the same Makefile, zipped as for an upload."""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from ops.console import out, table

SOURCE = Path(__file__).resolve().parents[1] / "layers" / "muster"
MOST_MB = 20.0
"""Zipped; the limit of an upload is 50 MB (Lambda quotas)."""


def show() -> bool:
    """Build, zip, print the largest parts; whether the zipped layer is under `MOST_MB`."""
    if shutil.which("python3.12") is None:
        out.print("not measured: found no python3.12 on the PATH, wanted the functions' runtime")
        return True
    with tempfile.TemporaryDirectory(prefix="muster-layer-") as scratch:
        packages = build(Path(scratch))
        sizes = {each.name: _zipped([each], Path(scratch)) for each in packages.iterdir()}
        whole = _zipped([packages], Path(scratch))
    largest = sorted(sizes.items(), key=lambda pair: -pair[1])[:6]
    out.print(table(["part", "MB zipped"], [(name, f"{size:.1f}") for name, size in largest], right=(1,)))
    out.print(f"layer: {whole:.1f} MB zipped; wanted under {MOST_MB:.0f}")
    return whole < MOST_MB


def build(scratch: Path) -> Path:
    """Build the layer into a folder and return its ``python/``."""
    source, built = scratch / "source", scratch / "built"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    built.mkdir()
    command = ["make", "--silent", "--directory", str(source), "build-MusterLayer"]
    subprocess.run(command, check=True, env={**os.environ, "ARTIFACTS_DIR": str(built)}, capture_output=True)
    return built / "python"


def _zipped(roots: list[Path], scratch: Path) -> float:
    archive = scratch / "measured.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for root in roots:
            for path in [root] if root.is_file() else root.rglob("*"):
                target.write(path, path.relative_to(root.parent))
    return archive.stat().st_size / 1e6
