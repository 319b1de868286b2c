"""A run from request to endpoint needs nothing that the IAM table does not know of.

The table is checked without a rehearsal, against what was recorded once; this is what keeps the record true.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import pytest

from checks.permissions import recording
from checks.permissions.application import ROOT, Application, read
from checks.permissions.check import table
from rehearsal import record
from tests.rehearsal.stage_support import Site

pytestmark = pytest.mark.xdist_group("stage")
Asked: TypeAlias = set[tuple[str, str, str, str]]


def _asked(site: Site, application: Application) -> Asked:
    """Return principal, action, resource and service of all that was allowed in this session so far."""
    seen = recording.needs(recording.summary(application, record.of(site.rehearsal.host)))
    return {(each.principal, each.action, each.resource, each.via) for each in seen}


def test_a_run_needs_nothing_that_the_table_does_not_know(site: Site) -> None:
    # Given what earlier tests have asked for
    application = read()
    before = _asked(site, application)
    # When a model is published, trained, approved by another person and deployed
    started = site.run("permitted")
    pending = site.pending(started)
    site.answer(site.alex, pending.package_arn)
    assert site.ended(started.arn).outcome == "approved"
    assert site.deployment(pending.package_arn).outcome == "deployed"
    site.champion("permitted", pending.package_arn)
    # Then every kind of role on the way has asked for something
    asked = _asked(site, application)
    assert {"resolve-request", "training-workflow", "JobRole", "verify-deployment", "Approver"} <= {
        a for a, *_ in asked
    }
    # Then nothing of it is new to the table
    known = {(each.principal, each.action, each.resource, each.via) for each in table(ROOT).needs}
    assert sorted(asked - before - known) == [], f"refresh the record ({recording.COMMAND}) and look at what it adds"


def test_a_rehearsal_leaves_its_record_where_it_is_told(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a rehearsal that is told nothing ; When it writes its record ; Then there is none
    monkeypatch.delenv(record.FOLDER, raising=False)
    record.write(site.rehearsal.host)
    assert list(tmp_path.iterdir()) == []
    # Given the name of a folder ; When it writes ; Then what is read back is what it knew
    monkeypatch.setenv(record.FOLDER, str(tmp_path))
    known = record.of(site.rehearsal.host)
    record.write(site.rehearsal.host)
    (path,) = tmp_path.iterdir()
    found = record.load(path)
    assert (found.template, found.names) == (str(ROOT / "template.yaml"), known.names)
    assert set(known.allowed) <= set(found.allowed)
