"""The job that counts training data: the function's code on files, in the images' Python; what it refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest

from muster_numerics.redaction import Redaction
from muster_numerics.table_baseline import count_features
from muster_numerics.table_rows import Table
from tests.jobs import workbench
from tests.jobs.workbench import JOBS, run, sha256, write_csv, write_json

HEADER = ["id", "size", "site", "label"]
KEY = b"\x07" * 32


def rows(start, number):
    drawn = np.random.default_rng(start).normal(size=number).round(3).tolist()
    return [[f"r{start + each}", str(size), "ab"[each % 2], "y"] for each, size in enumerate(drawn)]


def snapshot_of(tmp_path, *parts):
    files = [write_csv(tmp_path / f"part{number}.csv", [HEADER, *part]) for number, part in enumerate(parts)]
    (tmp_path / "notes.txt").write_text("not data")
    return workbench.snapshot(tmp_path / "shot", *files, tmp_path / "notes.txt")


def counted(tmp_path, shot, **changes):
    """Run the job."""
    plan = {
        "schema": 1,
        "row_id": "id",
        "target": "label",
        "categorical": [],
        "controlled": [],
        "time_ordered": True,
        "redaction_key_digest": None,
        **changes,
    }
    arguments = ["--snapshot", shot, "--snapshot-digest", sha256(shot / "manifest.json")]
    arguments += ["--plan", write_json(tmp_path / "baseline_plan.json", plan), "--key", tmp_path / "key" / "key"]
    return run(JOBS / "baseline.py", *arguments, "--output", tmp_path / "out", folder=tmp_path)


def test_the_job_counts_what_the_function_would(tmp_path):
    # Given a snapshot of two files, and a column whose words are controlled
    shot = snapshot_of(tmp_path, rows(0, 700), rows(700, 500))
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "key").write_bytes(KEY)
    # When the job counts it
    done = counted(tmp_path, shot, controlled=["site"], redaction_key_digest=sha256(tmp_path / "key" / "key")).well()
    # Then it has found what the same code finds in a function, and no controlled word
    found = json.loads((tmp_path / "out" / "counts.json").read_text())
    files = [(path.name, lambda path=path: path.open("rb")) for path in sorted((shot / "data").glob("*.csv"))]
    redaction = Redaction(frozenset({"site"}), KEY)
    assert found == count_features(Table(files, "id", "label"), [], redaction, time_ordered=True)
    assert found["rows"] == 1200
    assert set(found["columns"]["columns"]["site"]["grid"]["levels"]) == {redaction.word("site", each) for each in "ab"}
    assert "counted 1200 rows of 2 features" in done.stdout


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"target": "truth"}, "part0.csv: header: found no column 'truth', wanted row id and target of the spec"),
        ({"controlled": ["sight"], "redaction_key_digest": "0" * 64}, "redaction key: "),
    ],
)
def test_what_cannot_be_counted_ends_in_one_line(tmp_path, changes, line):
    done = counted(tmp_path, snapshot_of(tmp_path, rows(0, 5)), **changes)
    assert done.status == 1
    assert done.last_line == done.message
    assert done.message.startswith(line)


def test_a_snapshot_that_is_another_is_not_counted(tmp_path):
    shot = snapshot_of(tmp_path, rows(0, 5))
    (shot / "data" / "part0.csv").write_text("other")
    done = counted(tmp_path, shot)
    assert done.message.startswith("snapshot, raw/any/training/part0.csv: sha256 is")


def test_the_job_s_modules_need_numpy_only(tmp_path):
    # Given an isolated container: neither msgspec nor muster is there
    script = tmp_path / "look.py"
    script.write_text(
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(JOBS)!r})\n"
        "for name in ('msgspec', 'muster', 'scipy', 'pandas', 'boto3'):\n    sys.modules[name] = None\n"
        f"runpy.run_path({str(JOBS / 'baseline.py')!r}, run_name='looked_at')\n"
        "print(sys.modules['muster_numerics'].__file__)\n"
    )
    done = subprocess.run([sys.executable, "-I", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(JOBS / "muster_numerics" / "__init__.py")
