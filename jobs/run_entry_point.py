"""Run a model's script in a SageMaker Processing job, on data and code that are checked first.

With network isolation a container cannot fetch its code, so code, spec and data come as inputs, each named by its
digest. This script, Muster's own, checks them, unpacks the code and runs
``python <entry point> --input DATA --output OUTPUT --spec SPEC``. When the model's script fails, its own last line is
the job's message.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from muster_jobs.archives import unpack
from muster_jobs.digests import check_digest, read_json, sha256_of
from muster_jobs.failure import JobError, run_job, several


def main() -> None:
    """Check, unpack, run."""
    arguments = parse_arguments()
    check_digest(arguments.code, arguments.code_digest, "code")
    check_digest(arguments.manifest, arguments.snapshot_digest, "snapshot manifest")
    if arguments.spec_digest:
        check_digest(arguments.spec, arguments.spec_digest, "spec")
    check_snapshot(read_json(arguments.manifest, "snapshot manifest"), arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        unpack(arguments.code, Path(folder))
        script = Path(folder, arguments.entry_point)
        if not script.is_file():
            raise JobError(f"{arguments.entry_point} is not in the code that was published")
        arguments.output.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(script), "--input", str(arguments.data), "--output", str(arguments.output)]
        run_script([*command, "--spec", str(arguments.spec), *arguments.extra], script)


def parse_arguments() -> argparse.Namespace:
    """Return the command line; what follows ``--`` is for the model's script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--code", type=Path, required=True, help="sourcedir.tar.gz")
    parser.add_argument("--code-digest", required=True, help="sha256 of --code")
    parser.add_argument("--entry-point", required=True, help="the script to run, a name inside the tarball")
    parser.add_argument("--manifest", type=Path, required=True, help="the snapshot's manifest.json")
    parser.add_argument("--snapshot-digest", required=True, help="sha256 of --manifest")
    parser.add_argument("--data", type=Path, required=True, help="folder with the snapshot's objects")
    parser.add_argument("--spec", type=Path, required=True, help="the model's spec.json")
    parser.add_argument("--spec-digest", help="sha256 of --spec")
    parser.add_argument("--output", type=Path, required=True, help="folder for what the script writes")
    arguments, extra = parser.parse_known_args()
    arguments.extra = extra[1:] if extra[:1] == ["--"] else extra
    return arguments


def check_snapshot(manifest: dict, data: Path) -> None:
    """Raise JobError unless the folder holds exactly the manifest's objects, bit for bit."""
    prefix = manifest["prefix"]
    wanted = {entry["key"][len(prefix) :]: entry for entry in manifest["objects"]}
    found = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    if missing := sorted(set(wanted) - found):
        raise JobError(f"snapshot: {several(missing)} of the manifest not found in {data}")
    if strange := sorted(found - set(wanted)):
        raise JobError(f"snapshot: {several(strange)} in {data} not in the manifest")
    for name, entry in wanted.items():
        if sha256_of(data / name) != entry["sha256"]:
            raise JobError(f"snapshot: {entry['key']} does not have the sha256 of the manifest")


def run_script(command: list[str], script: Path) -> None:
    """Run the model's script, its output shown as it comes; JobError carries its last line when it fails."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace", cwd=script.parent)
    last = ""
    for line in process.stderr or ():
        sys.stderr.write(line)
        last = line.strip() or last
    status = process.wait()
    if status < 0:
        raise JobError(f"{script.name} was ended by {signal.Signals(-status).name}; a larger instance may be needed")
    if status > 0:
        told = last or f"exit status {status}"
        raise JobError(told if told.startswith(f"{script.name} failed") else f"{script.name} failed: {told}")


if __name__ == "__main__":
    run_job("run_entry_point.py", main)
