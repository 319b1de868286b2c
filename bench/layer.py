"""How large the layers are that `sam build` makes: built here with the same Makefiles, zipped as for an upload."""

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from ops.console import out, table

LAYERS = Path(__file__).resolve().parents[1] / "layers"
MOST_MB = {"muster": 20.0, "numerics": 100.0}
"""Zipped; from 50 MB on SAM uploads a layer by way of S3."""
MOST_UNZIPPED_MB = 250.0
"""Of a function and all its layers (Lambda quotas)."""


def show() -> bool:
    """Build, zip, print the largest parts; whether the layers keep their bounds."""
    if shutil.which("python3.12") is None:
        out.print("not measured: found no python3.12 on the PATH, wanted the functions' runtime")
        return True
    kept, unzipped = True, 0.0
    for name, most in MOST_MB.items():
        with tempfile.TemporaryDirectory(prefix="muster-layer-") as scratch:
            packages = build(name, Path(scratch))
            sizes = {each.name: _zipped([each], Path(scratch)) for each in packages.iterdir()}
            whole = _zipped([packages], Path(scratch))
            unzipped += sum(each.stat().st_size for each in packages.rglob("*") if each.is_file()) / 1e6
        largest = sorted(sizes.items(), key=lambda pair: -pair[1])[:6]
        out.print(
            table([f"part of {name}", "MB zipped"], [(part, f"{size:.1f}") for part, size in largest], right=(1,))
        )
        out.print(f"layer {name}: {whole:.1f} MB zipped; wanted under {most:.0f}\n")
        kept &= whole < most
    out.print(f"both unpacked: {unzipped:.0f} MB; wanted under {MOST_UNZIPPED_MB:.0f}")
    return kept and unzipped < MOST_UNZIPPED_MB


def build(name: str, scratch: Path) -> Path:
    """Build a layer into a folder and return its ``python/``."""
    source, built = scratch / "source", scratch / "built"
    shutil.copytree(LAYERS / name, source, ignore=shutil.ignore_patterns("__pycache__"))
    built.mkdir()
    command = ["make", "--silent", "--directory", str(source), f"build-{name.capitalize()}Layer"]
    subprocess.run(command, check=True, env={**os.environ, "ARTIFACTS_DIR": str(built)}, capture_output=True)
    return built / "python"


def _zipped(roots: list[Path], scratch: Path) -> float:
    archive = scratch / "measured.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for root in roots:
            for path in [root] if root.is_file() else root.rglob("*"):
                target.write(path, path.relative_to(root.parent))
    return archive.stat().st_size / 1e6
