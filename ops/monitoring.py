"""`muster monitor` and `muster batch`: look at an endpoint's traffic, or predict a batch, now, and say what was found."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from muster.contracts.base import iso, parse
from muster.contracts.batch import BatchRequest
from muster.contracts.monitoring import MonitoringRequest
from muster.errors import ContractError
from muster.naming import batch_prefix
from ops import executions
from ops.console import FAILED, NOT_REACHED, OK, err, out
from ops.executions import Ended
from ops.installation import Installation, find

QUIET = ("none", "warn", "published", "nothing_new")
"""Outcomes of a window in which nothing was found, or nothing that is sure and matters; and of a batch all is well with."""


def monitor(
    endpoint: Annotated[str, typer.Argument(help="Name of the endpoint.")],
    start: Annotated[
        str | None, typer.Option("--from", help="Begin of the window, such as 2026-01-31T09:00 (UTC); with --to.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Its end.")] = None,
    wait: Annotated[bool, typer.Option(help="Follow until it ends.")] = True,
    prefix: Annotated[
        str, typer.Option("--prefix", envvar="MUSTER_PREFIX", help="Which installation: its Prefix parameter.")
    ] = "muster",
) -> None:
    """Hold an endpoint's captured traffic against its model's baseline; without a window, what came since the last verdict."""
    if (start is None) != (end is None):
        raise typer.BadParameter("wanted --from and --to together, or neither")
    installation, wanted = find(prefix), request(endpoint, start, end)
    arn = executions.start(installation, "monitoring", wanted)
    out.print(arn)
    if wait:
        raise typer.Exit(follow(installation, arn))


def batch(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    below: Annotated[
        str | None,
        typer.Option(
            "--batch", help="Folder or object below raw/<model>/batch/, such as 2026-01-31/; the next by default."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Follow until it ends.")] = True,
    prefix: Annotated[
        str, typer.Option("--prefix", envvar="MUSTER_PREFIX", help="Which installation: its Prefix parameter.")
    ] = "muster",
) -> None:
    """Predict a batch with the model that serves; without --batch, the next one that nobody has tried."""
    wanted = {"model": model} if below is None else {"model": model, "prefix": batch_prefix(model) + below}
    installation = find(prefix)
    arn = executions.start(installation, "batch_inference", parse(BatchRequest, wanted).model_dump(exclude_none=True))
    out.print(arn)
    if wait:
        raise typer.Exit(follow(installation, arn))


def request(endpoint: str, start: str | None, end: str | None) -> dict[str, Any]:
    """Return the input of `monitoring`; times without a zone are UTC.

    Raises
    ------
    ContractError
        When a time is none, or the window ends before it begins.
    """
    wanted: dict[str, Any] = {"endpoint": endpoint}
    if start is not None and end is not None:
        wanted["window"] = {"start": _time("--from", start), "end": _time("--to", end)}
    return parse(MonitoringRequest, wanted).model_dump(mode="json", exclude_none=True)


def _time(option: str, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ContractError(f"{option}: found {text!r}, wanted a time such as 2026-01-31T09:00") from error
    return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def follow(installation: Installation, arn: str) -> int:
    """Print the states of a run as it enters them, then what was found; return the exit status."""
    for step in executions.follow(installation, arn):
        if isinstance(step, Ended):
            return _show(step)
        out.print(f"  {step}")
    return FAILED


def _show(ended: Ended) -> int:
    if ended.status != "SUCCEEDED":
        err.print(f"{ended.status.lower()}: {ended.error}: {ended.cause}")
        return FAILED
    out.print(f"{ended.outcome}: {'; '.join(ended.output.get('reasons') or [])}")
    window = ended.output.get("window")
    if window:
        out.print(f"  window: {window['start']} to {window['end']}, {ended.output['rows']:,} rows")
        out.print(f"  model quality: {ended.output['quality']}")
        out.print(f"  report: {ended.output['report_uri']}")
    elif "verdict" in ended.output:
        out.print(
            f"  {ended.output['prefix']}: {ended.output['rows']:,} rows, the monitoring says {ended.output['verdict']}"
        )
        out.print(
            f"  predictions: {ended.output['predictions_uri'] or 'withheld'}; lineage: {ended.output['batch_uri']}"
        )
        out.print(f"  report: {ended.output['report_uri']}")
    return OK if ended.outcome in QUIET else NOT_REACHED
