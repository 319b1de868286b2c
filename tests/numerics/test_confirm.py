"""Confirmation: two of three windows or broken data, and one announcement per episode whatever the order."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.confirm import Confirmation, Episodes, Seen, confirm, from_json, to_json

verdicts = st.sampled_from(["none", "warn", "drift", "insufficient", "inconclusive"])


def announced(*given_verdicts, rule=None):
    """Return the windows that are announced, of windows named 00, 01, ..."""
    episodes, found = Episodes(), []
    for number, verdict in enumerate(given_verdicts):
        now = Seen(f"{number:02}", verdict.removesuffix("!"), verdict.endswith("!"))
        step = confirm(episodes, now, rule or Confirmation())
        episodes = step.episodes
        if step.announce:
            found.append(step.announce)
    return found


@pytest.mark.parametrize(
    ("given_verdicts", "expected"),
    [
        (("drift", "none", "none", "drift"), []),
        (("drift", "none", "drift"), ["02"]),
        (("drift", "drift"), ["01"]),
        (("drift", "insufficient", "inconclusive", "drift"), ["03"]),
        (("drift!",), ["00"]),
        (("drift", "drift", "drift", "drift", "drift"), ["01"]),
        (("drift", "drift", "none", "none", "drift", "drift"), ["01"]),
        (("drift", "drift", "none", "warn", "none", "drift", "drift"), ["01", "06"]),
        (("drift", "drift", "none", "none", "insufficient", "none", "drift!"), ["01", "06"]),
        (("warn", "warn", "warn"), []),
    ],
)
def test_episodes_are_announced_once(given_verdicts, expected):
    assert announced(*given_verdicts) == expected


@settings(deadline=None)
@given(st.lists(verdicts, max_size=40))
def test_two_announcements_are_parted_by_quiet_windows(given_verdicts):
    found = [int(name) for name in announced(*given_verdicts)]
    assert len(found) == len(set(found))
    for first, second in pairwise(found):
        told = [v for v in given_verdicts[first + 1 : second] if v in ("none", "warn", "drift")]
        assert any("drift" not in told[start : start + 3] for start in range(len(told) - 2)), (
            f"no three quiet windows in {told}"
        )


@settings(deadline=None)
@given(st.lists(verdicts, min_size=1, max_size=20))
def test_a_retry_of_a_window_gives_the_same_announcement(given_verdicts):
    episodes = Episodes()
    for number, verdict in enumerate(given_verdicts):
        now = Seen(f"{number:02}", verdict)
        step = confirm(episodes, now)
        again = confirm(step.episodes, now)
        assert (again.announce, again.episodes) == (step.announce, step.episodes)
        episodes = from_json(json.loads(json.dumps(to_json(step.episodes))))
        assert episodes == step.episodes


def test_a_window_that_is_assessed_anew_replaces_its_verdict():
    episodes = confirm(Episodes(), Seen("00", "drift")).episodes
    episodes = confirm(episodes, Seen("00", "none")).episodes
    assert confirm(episodes, Seen("01", "drift")).announce is None
    episodes = confirm(episodes, Seen("00", "drift")).episodes
    assert confirm(episodes, Seen("01", "drift")).announce == "01"


def test_a_late_window_counts_in_its_place():
    episodes = Episodes()
    for window in ("02", "03", "04"):
        episodes = confirm(episodes, Seen(window, "none")).episodes
    step = confirm(episodes, Seen("00", "drift"))
    assert step.announce is None
    assert [known.window for known in step.episodes.recent] == ["02", "03", "04"]


def test_an_impossible_rule_is_refused():
    with pytest.raises(ValueError, match="drifting: expected 1 to 3"):
        Confirmation(drifting=4)
    with pytest.raises(ValueError, match="quiet: expected at least 1 window, got 0"):
        Confirmation(quiet=0)
