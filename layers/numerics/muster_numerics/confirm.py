"""Confirmation: from verdicts over windows to episodes of drift, each announced once.

A single window may be an odd hour. Drift is confirmed by two drifting windows of the last three, or by one whose data
are broken. The episode then lasts until three windows in a row are without drift. Windows without a verdict
(insufficient, inconclusive) count neither way.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from muster_numerics.decide import Decision, Verdict


@dataclass(frozen=True)
class Confirmation:
    """The rule: ``drifting`` windows of the last ``among`` open an episode, ``quiet`` in a row close it."""

    drifting: int = 2
    among: int = 3
    quiet: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.drifting <= self.among:
            raise ValueError(f"drifting: expected 1 to {self.among} (among), got {self.drifting}")
        if self.quiet < 1:
            raise ValueError(f"quiet: expected at least 1 window, got {self.quiet}")


@dataclass(frozen=True)
class Seen:
    """A window's verdict, and whether its data were broken."""

    window: str
    verdict: Verdict
    breach: bool = False


@dataclass(frozen=True)
class Episodes:
    """What is remembered from one window to the next.

    Attributes
    ----------
    recent
        The last windows with a verdict, oldest first.
    episode
        The window that confirmed the open episode, by which it is named; None if none is open.
    """

    recent: tuple[Seen, ...] = ()
    episode: str | None = None


@dataclass(frozen=True)
class Step:
    """What a window changes.

    Attributes
    ----------
    episodes
        What to remember.
    announce
        The episode to announce, by name; None if there is nothing new. The same window gives the same answer again,
        so that a retry announces what the first try may not have got round to.
    reason
        In words.
    """

    episodes: Episodes
    announce: str | None
    reason: str


def seen(window: str, decision: Decision) -> Seen:
    """Return what is remembered of a decision; ``window`` is a name that sorts by time, such as its start in ISO 8601."""
    return Seen(window, decision.verdict, decision.breach)


def confirm(episodes: Episodes, now: Seen, rule: Confirmation = Confirmation()) -> Step:
    """Take a window's verdict into account.

    A window that was seen before is assessed anew, as when late files have come: its verdict is replaced.
    """
    if now.verdict in ("insufficient", "inconclusive"):
        return Step(episodes, None, f"{now.window}: {now.verdict}, counts neither way")
    windows = {known.window: known for known in episodes.recent} | {now.window: now}
    kept = max(rule.among, rule.quiet)
    recent = tuple(windows[name] for name in sorted(windows))[-kept:]
    if episodes.episode is not None:
        return _within(replace(episodes, recent=recent), now, rule)
    drifting = sum(known.verdict == "drift" for known in recent[-rule.among :])
    broken = now.breach and now.verdict == "drift"
    if now in recent and (broken or drifting >= rule.drifting):
        why = "its data are broken" if broken else f"{drifting} of the last {rule.among} windows drift"
        return Step(Episodes(recent, now.window), now.window, f"{now.window}: drift is confirmed, {why}")
    return Step(Episodes(recent), None, f"{now.window}: {drifting} of the last {rule.among} windows drift")


def _within(episodes: Episodes, now: Seen, rule: Confirmation) -> Step:
    name = episodes.episode
    last = episodes.recent[-rule.quiet :]
    if len(last) == rule.quiet and not any(known.verdict == "drift" for known in last):
        return Step(Episodes(last), None, f"{now.window}: the episode of {name} is over")
    if now.window == name and now.verdict == "drift":
        return Step(episodes, name, f"{now.window}: drift is confirmed")
    return Step(episodes, None, f"{now.window}: the episode of {name} was announced and goes on")


def to_json(episodes: Episodes) -> dict[str, Any]:
    """Return what is remembered as a dictionary of JSON types."""
    return asdict(episodes)


def from_json(found: Mapping[str, Any]) -> Episodes:
    """Read what `to_json` wrote."""
    return Episodes(tuple(Seen(**known) for known in found["recent"]), found["episode"])
