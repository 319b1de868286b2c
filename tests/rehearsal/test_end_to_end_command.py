"""The `muster` command as people run it, when it cannot do what is asked. That it can: `tests/docs/test_adding_a_model.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from muster import naming
from ops.stage import ROOT
from tests.rehearsal.stage_support import Site, one_line

pytestmark = pytest.mark.xdist_group("stage")


class Checkout:
    """A person's checkout, and the command run in it."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        self._people = {
            name: site.rehearsal.environment(site.rehearsal.person(name, role))
            for name, role in (("dana", "Scientist"), ("sam", "Steward"), ("alex", "Approver"), ("olga", "Operator"))
        }

    def environment(self, person: str) -> Mapping[str, str]:
        """Return nothing but what the command needs, and the person's credentials."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "PYTHONPATH": f"{ROOT / 'layers' / 'muster'}:{ROOT}", **self._people[person]}

    def muster(self, person: str, *words: str, status: int = 0) -> str:
        """Run the command to its end, and return what it printed, or its one line of error."""
        ended = subprocess.run(
            [sys.executable, "-m", "ops", *words],
            cwd=self.folder,
            env=dict(self.environment(person)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == status, f"{words}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout if status in (0, 3) else ended.stderr.strip()

    def git(self, *words: str) -> None:
        """Run git."""
        author = ["-c", "user.name=dana", "-c", "user.email=dana@muster.invalid", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *author, *words], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def checkout(site: Site, tmp_path: Path) -> Checkout:
    return Checkout(site, tmp_path)


def test_bad_input_is_told_in_one_line_and_its_status(checkout: Checkout) -> None:
    # Given a new model in a checkout, when it is published before it is committed, then the status is 2 and the line clear.
    assert "models/typed" in checkout.muster("dana", "new", "typed")
    checkout.git("init", "-q")
    one_line(checkout.muster("dana", "publish", "models/typed", status=2), "models/typed", "commit")


def test_what_is_refused_ends_with_status_3(checkout: Checkout, site: Site) -> None:
    # Given an endpoint that Muster never deployed to, when somebody rolls it back, then the status is 3.
    endpoint = naming.endpoint_name(site.all.prefix, "typed")
    assert "refused" in checkout.muster("olga", "rollback", endpoint, "--reason", "a test", status=3)


def test_a_run_that_fails_is_told_in_one_line(checkout: Checkout) -> None:
    # Given a model that nobody has published, when it is started and waited for, then status and line say so.
    line = checkout.muster("dana", "start", "untyped", "--wait", status=1)
    one_line(line, "NotFound", "untyped", "muster publish")
