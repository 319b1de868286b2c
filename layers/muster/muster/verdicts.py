"""What a window's verdict means for its endpoint: confirmed or not, announced or not. Pure rules over what is remembered.

Windows go forward only. One that overlaps those that were judged already, as a person may ask for, is reported and counts
for nothing; the very same window again replaces its own verdict, as when late files have come.
"""

from dataclasses import dataclass

from muster.contracts.base import iso
from muster.contracts.monitoring import Announced, Bookkept, QualityStatus, Watched, WatchState, WindowOutcome
from muster.contracts.policy import MonitoringFloor
from muster.contracts.spec_monitoring import ConfirmationSpec, MonitoringSpec
from muster.monitoring import spelled
from muster_numerics import confirm
from muster_numerics.decide import Decision, Rules


@dataclass(frozen=True)
class Advance:
    """What the run is told, and the state to write; None when there is nothing to write."""

    told: Bookkept
    state: WatchState | None


def rules(spec: MonitoringSpec, floor: MonitoringFloor) -> Rules:
    """Return when a window drifts: the stricter of spec and floor, which may have risen since the spec was published."""
    return Rules(
        minimum_rows=max(spec.min_rows, floor.min_rows),
        poison_limit=min(spec.max_poison_share, floor.max_poison_share),
    )


def of_batch(watched: Watched, decision: Decision) -> Bookkept:
    """Return what a batch's verdict means: a batch that drifts is its own episode."""
    drifts = decision.verdict == "drift"
    return Bookkept(
        run=watched.run,
        outcome=decision.verdict,
        counted=True,
        announce=drifts,
        announce_quality=False,
        episode=watched.run if drifts else None,
        windows=(spelled(watched.window),) if drifts else (),
        reason="a batch is judged by itself",
    )


def of_window(
    state: WatchState | None,
    watched: Watched,
    decision: Decision,
    quality: QualityStatus,
    spec: ConfirmationSpec,
    *,
    serves: bool,
) -> Advance:
    """Take a window's verdict into account.

    Parameters
    ----------
    state
        What is remembered; None of an endpoint that was never looked at.
    quality
        What was found of the model's quality in the same run.
    serves
        Whether the package that the window was held against serves still.
    """
    if state is not None and state.last is not None and state.last.run == watched.run:
        return Advance(state.last, None)
    if not serves:
        return Advance(_uncounted(watched, decision, "another model serves by now", None), None)
    if state is None or state.package_arn != watched.package_arn:
        version = state.version if state else 0
        state = WatchState(
            package_arn=watched.package_arn, episodes=confirm.to_json(confirm.Episodes()), version=version
        )
    episodes, window = confirm.from_json(state.episodes), spelled(watched.window)
    known = any(each.window == window for each in episodes.recent)
    if state.judged_to is not None and watched.window.start < state.judged_to and not known:
        why = f"windows up to {iso(state.judged_to)} are judged already"
        return Advance(_uncounted(watched, decision, why, episodes.episode), None)
    rule = confirm.Confirmation(spec.drifting, spec.among, spec.quiet)
    return _counted(state, watched, decision, quality, confirm.confirm(episodes, confirm.seen(window, decision), rule))


def _counted(
    state: WatchState, watched: Watched, decision: Decision, quality: QualityStatus, step: confirm.Step
) -> Advance:
    announced, announce = state.announced, False
    if step.announce is not None:
        announce = announced is None or announced.episode != step.announce or announced.run == watched.run
        announced = Announced(episode=step.announce, run=watched.run) if announce else announced
    told = Bookkept(
        run=watched.run,
        outcome=_outcome(decision, step.episodes.episode),
        counted=True,
        announce=announce,
        announce_quality=quality == "regressed" and not state.quality_regressed,
        episode=step.episodes.episode,
        windows=tuple(each.window for each in step.episodes.recent if each.verdict == "drift"),
        reason=step.reason,
    )
    judged = [watched.window.end, *([state.judged_to] if state.judged_to else [])]
    new = WatchState(
        package_arn=state.package_arn,
        judged_to=state.judged_to if decision.verdict == "insufficient" else max(judged),
        episodes=confirm.to_json(step.episodes),
        announced=announced,
        quality_regressed=quality == "regressed" if quality in ("regressed", "measured") else state.quality_regressed,
        last=told,
        version=state.version + 1,
    )
    return Advance(told, new)


def _uncounted(watched: Watched, decision: Decision, why: str, episode: str | None) -> Bookkept:
    return Bookkept(
        run=watched.run,
        outcome=_outcome(decision, episode),
        counted=False,
        announce=False,
        announce_quality=False,
        episode=episode,
        windows=(),
        reason=f"{spelled(watched.window)}: reported, and counted for nothing: {why}",
    )


def _outcome(decision: Decision, episode: str | None) -> WindowOutcome:
    """Drift is suspected until an episode is confirmed."""
    return "suspected" if decision.verdict == "drift" and episode is None else decision.verdict
