"""What the public tools say is not lost on its way into a report: each finds a fault that is put before it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from broken_tree import ROOT, BrokenTree

from checks.tools import asl, code, guard, node
from checks.tools.report import Report, run, unexpected

TRAINING = "state_machines/training.asl.json"
npm = pytest.mark.skipif(not (ROOT / node.MODULES).exists(), reason="npm packages come with `make prove`")


def test_a_report_says_what_it_counts() -> None:
    assert str(Report("tool 1", "4 files")) == "tool 1: no findings (4 files)"
    assert (
        str(Report("tool 1", "4 files", ("a:1: b",), ("c: d: e",)))
        == "tool 1: 1 finding, 1 accepted with a reason (4 files)"
    )


def test_a_tool_that_does_not_work_is_a_finding(tmp_path: Path) -> None:
    ended = run(["python", "-c", "import sys; sys.exit('no such thing')"], tmp_path)
    assert unexpected("tool 1", ended).findings == ("tool 1: ended with status 1: no such thing",)


def test_statelint_finds_a_wrong_target(copy: BrokenTree) -> None:
    copy.change(TRAINING, '"Next": "Prepare"', '"Next": "Prepair"')
    assert any(
        finding.startswith(f"{TRAINING}:1: ") and "Prepair" in finding for finding in asl.statelint(copy.root).findings
    )


@npm
def test_asl_validator_finds_a_wrong_target(copy: BrokenTree, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the definitions of the broken copy; Node.js is in the checkout
    copy.change(TRAINING, '"Next": "Prepare"', '"Next": "Prepair"')
    broken = asl.substituted(copy.root)
    monkeypatch.setattr(asl, "substituted", lambda root: broken)
    (finding,) = asl.asl_validator(ROOT).findings
    assert finding.startswith(f"{TRAINING}:1: ")
    assert "Prepair" in finding


@npm
def test_guard_finds_logs_that_are_kept_for_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a log group of seven days without a key, and nothing that the acceptances are for
    def evaluated(root: Path, folder: Path) -> int:
        (folder / "serving.json").write_text(
            '{"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}}}'
        )
        return 1

    monkeypatch.setattr(guard.templates, "write_evaluated", evaluated)
    findings = guard.check(ROOT).findings
    assert {"stacks/serving.yaml: Logs: CT.CLOUDWATCH.PR.2", "stacks/serving.yaml: Logs: CT.CLOUDWATCH.PR.3"} < set(
        findings
    )
    # Then each acceptance that is not needed is a finding too
    assert sum("found no need to accept it" in finding for finding in findings) == len(guard._ACCEPTED)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one module of ours, and the settings of the real one."""
    for name in ("pyproject.toml", ".secrets.baseline"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "functions").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_bandit_finds_a_shell_and_reads_the_reason_of_what_is_accepted(checkout: Path) -> None:
    (checkout / "functions/app.py").write_text(
        'import subprocess\n\nsubprocess.run("ls *", shell=True)\nx = eval("1")  # nosec B307 # noqa: S307 - only here\n'
    )
    report = code.bandit(checkout)
    assert report.findings[0].startswith("functions/app.py:3: B602 ")
    assert report.accepted == ("functions/app.py:4: B307: only here",)


def test_detect_secrets_finds_a_key_in_a_new_file(checkout: Path) -> None:
    # Given a key that nothing has said is harmless, in a file that git does not know yet
    key = "AKIA" + "Z3MGNVHKOWTPLQ5D"
    (checkout / "functions/app.py").write_text(f'KEY = "{key}"\nDIGEST = "{"0a" * 32}"\n')
    assert code.secrets(checkout).findings == ("functions/app.py:1: AWS Access Key",)
