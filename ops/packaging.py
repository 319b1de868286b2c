"""A model's folder as what is published: its spec, and its code as a tarball whose digest depends on the files alone."""

import gzip
import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from muster import digests
from muster.contracts.base import parse
from muster.contracts.spec import ModelSpec
from muster.errors import ContractError, NotFound, Refused


@dataclass(frozen=True)
class Package:
    """What `publish` writes: everything by digest."""

    spec: ModelSpec
    spec_bytes: bytes
    code: bytes
    golden: bytes

    @property
    def spec_digest(self) -> str:
        """Return the sha256 of the canonical spec."""
        return digests.sha256(self.spec_bytes)

    @property
    def code_digest(self) -> str:
        """Return the sha256 of the tarball."""
        return digests.sha256(self.code)


def read_spec(folder: Path) -> ModelSpec:
    """Read and validate ``model.yaml``.

    Raises
    ------
    NotFound
        No such folder or no model.yaml in it.
    ContractError
        Malformed YAML, an unknown field, a wrong type: the line names file and field.
    """
    path = folder / "model.yaml"
    if not path.is_file():
        raise NotFound(f"{path}: not found, wanted a model's folder with model.yaml; `muster new NAME` makes one")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ContractError(f"{path}{where}: found malformed YAML ({getattr(error, 'problem', error)})") from error
    if not isinstance(data, dict):
        raise ContractError(f"{path}: found {type(data).__name__}, wanted the fields of a model")
    spec = parse(ModelSpec, data, str(path))
    if spec.name != folder.resolve().name:
        raise ContractError(f"{path}: name: found {spec.name!r}, wanted the folder's name {folder.resolve().name!r}")
    return spec


def pack(folder: Path) -> Package:
    """Read a model's folder into what is published.

    The tarball holds the folder's Python files and golden records, sorted, without owners or times: the same files give
    the same digest on any machine.

    Raises
    ------
    NotFound, ContractError
        As `read_spec`; and for an entry point or a file of golden records that the spec names and the folder lacks.
    """
    spec = read_spec(folder)
    golden_name = spec.rollout.golden_records
    entry_points = (spec.preprocess.entry_point, spec.training.entry_point, spec.inference.entry_point)
    for field, name in (*(("entry_point", each) for each in entry_points), ("rollout.golden_records", golden_name)):
        if not (folder / name).is_file():
            raise NotFound(f"{folder / 'model.yaml'}: {field}: found {name!r}, wanted a file in {folder}")
    files = [*folder.glob("*.py"), folder / golden_name]
    return Package(
        spec=spec,
        spec_bytes=digests.canonical(spec),
        code=_tarball(files),
        golden=(folder / golden_name).read_bytes(),
    )


def _tarball(files: list[Path]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(files, key=lambda each: each.name):
            member = tarfile.TarInfo(path.name)
            member.size = path.stat().st_size
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(path.read_bytes()))
    return gzip.compress(plain.getvalue(), mtime=0)


def clean_commit(folder: Path) -> str:
    """Return the commit that holds the folder exactly as it is.

    Raises
    ------
    Refused
        Outside a git checkout, before the first commit, or with changes that are not committed.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        raise Refused(f"{folder}: found no git commit, wanted code under version control: commit it first")
    dirty = _git(folder, "status", "--porcelain", "--", ".")
    if dirty:
        files = ", ".join(line[3:] for line in dirty.splitlines()[:5])
        raise Refused(
            f"{folder}: found changes that are not committed ({files}), wanted a clean tree: commit or stash them"
        )
    return commit


def _git(folder: Path, *arguments: str) -> str | None:
    finished = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return finished.stdout.rstrip() if finished.returncode == 0 else None
