"""``docs/adding-a-model.md`` is followed to the letter, in a clone: every command, every line of output that it shows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks

pytestmark = pytest.mark.xdist_group("adding")
PAGE = ROOT / "docs" / "adding-a-model.md"
PATIENCE = 60.0
AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "dana"), ("EMAIL", "dana@muster.invalid"))
}


class Reader:
    """A person with a fresh clone who does what the page says, and fills in the words in capitals."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.words: dict[str, str] = {}
        self.terminals: list[subprocess.Popen[bytes]] = []
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.environment = {**kept, **AUTHOR, "PYTHONUNBUFFERED": "1"}

    def run(self, script: str) -> str:
        """Run a block in a shell of its own, which stops at the first command that fails."""
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._filled(script)],
            cwd=self.clone,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 0, f"{script}\nended with {ended.returncode}:\n{ended.stdout}"
        self._learn(ended.stdout)
        return ended.stdout

    def open_terminal(self, script: str) -> None:
        """Start a block that stays, and wait until it says that it is up."""
        path = self.clone.parent / "terminal.txt"
        with path.open("wb") as output:
            self.terminals.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {script}"], cwd=self.clone, env=self.environment, stdout=output, stderr=output
                )
            )
        deadline = time.monotonic() + PATIENCE
        while " is up at " not in path.read_text():
            assert self.terminals[-1].poll() is None, path.read_text()
            assert time.monotonic() < deadline, path.read_text()
            time.sleep(0.1)

    def close(self) -> None:
        for each in self.terminals:
            each.send_signal(signal.SIGINT)
            each.wait(timeout=30)

    def _filled(self, script: str) -> str:
        return re.sub(r"\b(PACKAGE|DIGEST|DEPLOYMENT)\b", lambda found: self.words[found[0]], script)

    def _learn(self, output: str) -> None:
        """Read what a person would copy from `muster status`."""
        if found := re.search(r"(arn:\S+:model-package/\S+)\s+([0-9a-f]{12})\b", output):
            self.words.update(PACKAGE=found[1], DIGEST=found[2])
        if found := re.search(r"(arn:\S+:execution:muster-deployment:\S+)", output):
            self.words["DEPLOYMENT"] = found[1]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    clone = tmp_path / "muster"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        source = ROOT / name
        if name and (source.exists() or source.is_symlink()):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, clone / name, follow_symlinks=False)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    git = ["git", "-c", "user.name=dana", "-c", "user.email=dana@muster.invalid", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "cloned"]):
        subprocess.run([*git, *words], cwd=clone, check=True, capture_output=True)
    person = Reader(clone)
    yield person
    person.close()


def shown(promised: str, output: str) -> str | None:
    """Return the first promised line that is not in the output, in order; None when all are."""
    rest = output.splitlines()
    for line in promised.splitlines():
        pattern = re.compile(".*".join(re.escape(each) for each in line.split("…")))
        place = next((number for number, each in enumerate(rest) if pattern.fullmatch(each.rstrip())), None)
        if place is None:
            return line
        rest = rest[place + 1 :]
    return None


def follow(reader: Reader, steps: list[Block]) -> None:
    """Do each block; where an output follows it, look for its lines, and look again where the page only looks."""
    for block, after in zip(steps, [*steps[1:], None], strict=True):
        if block.info == "sh another terminal":
            reader.open_terminal(block.text.strip())
        elif block.language == "diff":
            subprocess.run(["git", "apply", "-"], input=block.text, text=True, cwd=reader.clone, check=True)
        elif block.language == "sh":
            _do(reader, block, after.text if after is not None and after.language == "text" else "")


def _do(reader: Reader, block: Block, promised: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while (missing := shown(promised, output := reader.run(block.text))) is not None:
        patience = time.monotonic() < deadline if block.text.rstrip().endswith("./muster status") else False
        assert patience, f"line {block.line}: {missing!r} is not in\n{output}"
        time.sleep(0.5)


def test_the_page_is_true_from_its_first_command_to_its_last(reader: Reader) -> None:
    # Given a clone, when a reader does everything that the page says, then everything that it shows comes to be.
    steps = blocks(PAGE)
    assert {each.language for each in steps} == {"sh", "text", "diff"}
    follow(reader, steps)
    assert (reader.clone / "build" / "rehearsed" / "churn" / "report.html").stat().st_size > 10_000
    assert reader.words.keys() == {"PACKAGE", "DIGEST", "DEPLOYMENT"}


@pytest.mark.parametrize(
    ("promised", "missing"),
    [
        ("a … c\nlast", None),
        ("last\na … c", "a … c"),
        ("a b", "a b"),
        ("a b c d", "a b c d"),
    ],
)
def test_a_promise_is_whole_lines_in_order(promised: str, missing: str | None) -> None:
    assert shown(promised, "first\na b c\nmore\nlast\n") == missing
