"""A model's folder becomes a package whose digests depend on the files alone; what is wrong with it is one clear line."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from muster.errors import ContractError, NotFound, Refused
from ops.packaging import clean_commit, pack, read_spec

ROOT = Path(__file__).resolve().parents[2]
MODEL = next(path.parent for path in sorted((ROOT / "models").glob("*/model.yaml")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the reference model without its data."""
    return Path(shutil.copytree(MODEL, tmp_path / MODEL.name, ignore=shutil.ignore_patterns("data", "__pycache__")))


def test_the_same_files_have_the_same_digests_whatever_their_times(folder: Path) -> None:
    # Given a packed folder ; When its files are touched, and data and notes are added ; Then neither digest changes
    before = pack(folder)
    time.sleep(0.01)
    for path in folder.iterdir():
        path.touch() if path.is_file() else None
    (folder / "notes.md").write_text("not code")
    after = pack(folder)
    assert (before.code_digest, before.spec_digest) == (after.code_digest, after.spec_digest)


def test_a_changed_script_changes_the_code_digest_only(folder: Path) -> None:
    before = pack(folder)
    script = folder / before.spec.training.entry_point
    script.write_text(script.read_text() + "\n# changed\n")
    after = pack(folder)
    assert before.code_digest != after.code_digest
    assert before.spec_digest == after.spec_digest


@pytest.mark.parametrize(
    ("edit", "error", "says"),
    [
        (lambda text: text + "\nsurprise: 1\n", ContractError, "surprise"),
        (
            lambda text: text.replace("problem_type: binary", "problem_type: maybe"),
            ContractError,
            "problem_type: found 'maybe'",
        ),
        (lambda text: "name: [\n" + text, ContractError, "malformed YAML"),
        (lambda text: text.replace("entry_point: train.py", "entry_point: gone.py"), NotFound, "gone.py"),
        (lambda text: text.replace(f"name: {MODEL.name}", "name: another"), ContractError, "wanted the folder's name"),
    ],
)
def test_a_wrong_model_yaml_is_one_line_that_names_file_and_field(folder: Path, edit, error, says) -> None:
    # Given a model.yaml with one mistake ; When it is packed ; Then one line names it
    path = folder / "model.yaml"
    path.write_text(edit(path.read_text()))
    with pytest.raises(error) as caught:
        pack(folder)
    assert says in str(caught.value)
    assert "model.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="muster new"):
        read_spec(tmp_path)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
        check=True,
        capture_output=True,
    )


def test_only_committed_code_is_published(folder: Path) -> None:
    # Given a folder outside git, then committed, then changed ; Then only the committed state has a commit
    with pytest.raises(Refused, match="no git commit"):
        clean_commit(folder)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    assert len(clean_commit(folder)) == 40
    (folder / "train.py").write_text("changed")
    with pytest.raises(Refused, match=r"not committed \(.*train.py\)"):
        clean_commit(folder)
