"""What the jobs refuse before they do anything: overlap, wrong digests, unsafe tarballs; and how they fail."""

import importlib.util
import io
import json
import shutil
import tarfile

import pytest

from muster_jobs.archives import unpack
from muster_jobs.failure import JobError
from muster_jobs.overlap import check_disjoint, check_snapshot, overlapping_rows
from muster_jobs.tables import Features
from tests.jobs import workbench
from tests.jobs.workbench import JOBS, run, sha256, write_csv, write_json

HOLDOUT = Features("recent", ["x", "site"], ["5", "6", "9", "14"], [["1.50", "a"], ["2", "a"], ["3", "b"], ["4", "b"]])


def snapshot_of(tmp_path, *rows, header=("row_id", "site", "x", "label")):
    return workbench.snapshot(tmp_path / "shot", write_csv(tmp_path / "part.csv", [list(header), *rows]))


def test_rows_are_found_by_content_whatever_their_id_and_number_format(tmp_path):
    shot = snapshot_of(tmp_path, ["n1", "a", "1.5", "yes"], ["n2", "b", "4.0", "no"], ["6", "b", "2", "no"])
    assert overlapping_rows(HOLDOUT, shot) == ["5", "14"]
    with pytest.raises(JobError) as error:
        check_disjoint(HOLDOUT, shot)
    assert str(error.value) == (
        "holdout recent: 2 rows are also in the training snapshot: rows 5, 14; remove them from the training data "
        "or put another holdout"
    )


def test_disjoint_rows_pass(tmp_path):
    check_disjoint(HOLDOUT, snapshot_of(tmp_path, ["5", "a", "7", "yes"]))


def test_a_snapshot_without_a_column_of_the_holdout_cannot_be_judged(tmp_path):
    shot = snapshot_of(tmp_path, ["n1", "1.5", "yes"], header=("row_id", "x", "label"))
    with pytest.raises(JobError, match=r"snapshot file part.csv has no column site, which holdout recent has"):
        check_disjoint(HOLDOUT, shot)


def test_a_changed_snapshot_is_refused(tmp_path):
    shot = snapshot_of(tmp_path, ["n1", "a", "1.5", "yes"])
    digest = sha256(shot / "manifest.json")
    check_snapshot(shot, digest)
    (shot / "data" / "part.csv").write_text("changed")
    with pytest.raises(JobError, match=r"snapshot, raw/any/training/part.csv: sha256 is .*, expected"):
        check_snapshot(shot, digest)
    with pytest.raises(JobError, match="snapshot manifest: sha256 is"):
        check_snapshot(shot, "0" * 64)


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        ("../up.py", tarfile.REGTYPE, "../up.py would be written outside the folder"),
        ("/etc/up.py", tarfile.REGTYPE, "/etc/up.py would be written outside the folder"),
        ("link", tarfile.SYMTYPE, "link is a link or a device"),
        ("hard", tarfile.LNKTYPE, "hard is a link or a device"),
        ("pipe", tarfile.FIFOTYPE, "pipe is a link or a device"),
    ],
)
def test_unsafe_tarballs_write_nothing(tmp_path, name, kind, line):
    with tarfile.open(tmp_path / "code.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("fine.py"), io.BytesIO())
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "fine.py"
        tar.addfile(member)
    with pytest.raises(JobError, match=line.replace("/", r"\/").replace(".", r"\.")):
        unpack(tmp_path / "code.tar.gz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_broken_tarball_is_named(tmp_path):
    (tmp_path / "code.tar.gz").write_bytes(b"no tarball")
    with pytest.raises(JobError, match=r"code.tar.gz cannot be unpacked"):
        unpack(tmp_path / "code.tar.gz", tmp_path / "out")


# -- run_entry_point.py ------------------------------------------------------------------------------------------------
def entry_point(tmp_path, script, *extra, **changes):
    code = tmp_path / "code"
    code.mkdir(exist_ok=True)
    (code / "preprocess.py").write_text(script)
    tarball = workbench.pack(code, tmp_path / "sourcedir.tar.gz")
    shot = snapshot_of(tmp_path, ["n1", "a", "1.5", "yes"])
    if "tamper" in changes:
        changes["tamper"](shot)
    options = {
        "code": tarball,
        "code-digest": sha256(tarball),
        "entry-point": "preprocess.py",
        "manifest": shot / "manifest.json",
        "snapshot-digest": sha256(shot / "manifest.json"),
        "data": shot / "data",
        "spec": write_json(tmp_path / "spec.json", {"name": "any"}),
        "output": tmp_path / "out",
        **{name: value for name, value in changes.items() if name != "tamper"},
    }
    arguments = [text for name, value in options.items() for text in (f"--{name}", value)]
    return run(JOBS / "run_entry_point.py", *arguments, *extra, folder=tmp_path / "ml")


def test_the_script_runs_with_its_arguments(tmp_path):
    script = "import sys, json; open(sys.argv[4] + '/argv.json', 'w').write(json.dumps(sys.argv[1:]))"
    entry_point(tmp_path, script, "--", "--fast", "yes").well()
    argv = json.loads((tmp_path / "out" / "argv.json").read_text())
    assert argv[::2] == ["--input", "--output", "--spec", "--fast"]
    assert argv[1] == str(tmp_path / "shot" / "data")


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("raise KeyError('radius')", "preprocess.py failed: KeyError: 'radius'"),
        (
            "import sys; sys.exit('preprocess.py failed: ValueError: no rows')",
            "preprocess.py failed: ValueError: no rows",
        ),
        ("import sys; sys.exit(3)", "preprocess.py failed: exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "preprocess.py was ended by SIGKILL; a larger instance may be needed"),
    ],
)
def test_a_failing_script_tells_its_own_message(tmp_path, script, line):
    finished = entry_point(tmp_path, script)
    assert (finished.status, finished.message, finished.last_line) == (1, line, line)


def add_file(shot):
    (shot / "data" / "extra.csv").write_text("x")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"code-digest": "0" * 64}, "code: sha256 is"),
        ({"snapshot-digest": "0" * 64}, "snapshot manifest: sha256 is"),
        ({"spec-digest": "0" * 64}, "spec: sha256 is"),
        ({"entry-point": "other.py"}, "other.py is not in the code that was published"),
        ({"tamper": add_file}, "snapshot: extra.csv in"),
        (
            {"tamper": lambda shot: (shot / "data" / "part.csv").unlink()},
            "snapshot: part.csv of the manifest not found in",
        ),
        (
            {"tamper": lambda shot: (shot / "data" / "part.csv").write_text("y")},
            "snapshot: raw/any/training/part.csv does not have the sha256 of the manifest",
        ),
    ],
)
def test_what_was_not_recorded_is_not_run(tmp_path, changes, line):
    finished = entry_point(tmp_path, "raise SystemExit('it ran')", **changes)
    assert finished.status == 1
    assert finished.message.startswith(line)
    assert not list((tmp_path / "out").glob("*"))


# -- hash_objects.py ---------------------------------------------------------------------------------------------------
def hash_objects(tmp_path, objects):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "b.csv").write_text("bb")
    (tmp_path / "data" / "deep" / "a.csv").write_text("a")
    listing = write_json(tmp_path / "listing.json", {"prefix": "raw/m/", "objects": objects})
    arguments = ["--data", tmp_path / "data", "--listing", listing, "--output", tmp_path / "out"]
    return run(JOBS / "hash_objects.py", *arguments, folder=tmp_path / "ml")


def test_objects_are_hashed_in_the_order_of_their_keys(tmp_path):
    listed = [{"key": "raw/m/deep/a.csv", "bytes": 1, "version_id": "v"}, {"key": "raw/m/b.csv", "bytes": 2}]
    hash_objects(tmp_path, listed).well()
    assert json.loads((tmp_path / "out" / "hashes.json").read_text()) == {
        "objects": [
            {"key": "raw/m/b.csv", "sha256": sha256(tmp_path / "data" / "b.csv"), "bytes": 2},
            {"key": "raw/m/deep/a.csv", "sha256": sha256(tmp_path / "data" / "deep" / "a.csv"), "bytes": 1},
        ]
    }


@pytest.mark.parametrize(
    ("objects", "line"),
    [
        ([{"key": "raw/m/c.csv", "bytes": 1}], "raw/m/c.csv: listed, but not found in"),
        ([{"key": "raw/m/b.csv", "bytes": 7}], "raw/m/b.csv: 2 bytes, but listed with 7; it changed meanwhile"),
        ([], "listing: there is no object below raw/m/"),
    ],
)
def test_listed_objects_must_be_there_unchanged(tmp_path, objects, line):
    finished = hash_objects(tmp_path, objects)
    assert finished.status == 1
    assert finished.message.startswith(line)


def test_without_the_toolkits_variable_the_message_goes_where_the_job_is_mounted(tmp_path, monkeypatch):
    mounted = tmp_path / "processing" / "input" / "muster" / "muster_jobs"
    shutil.copytree(JOBS / "muster_jobs", mounted)
    monkeypatch.delenv("SAGEMAKER_BASE_DIR", raising=False)
    module = importlib.util.spec_from_file_location("mounted", mounted / "failure.py")
    failure = importlib.util.module_from_spec(module)
    module.loader.exec_module(failure)
    assert failure.base_folder() == tmp_path
