"""The commands of `muster`: each parses its arguments, calls one module, and says what happened."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.text import Text

from muster.errors import MusterError
from ops.console import BAD_INPUT, EXIT_STATUSES, FAILED, NOT_REACHED, OK, err, out, table
from ops.installation import Installation, find
from ops.monitoring import batch, monitor

app = typer.Typer(
    help="Train, judge, approve and deploy models so that nothing serves that a second person has not approved.",
    epilog=EXIT_STATUSES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Put training data, batches and holdouts.", no_args_is_help=True, epilog=EXIT_STATUSES)
app.add_typer(data, name="data")

Prefix = Annotated[
    str, typer.Option("--prefix", envvar="MUSTER_PREFIX", help="Which installation: its Prefix parameter.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a few words; recorded.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the states of the workflows and the logs of jobs.")
]


def main() -> None:
    """Run the command; whatever goes wrong is one line on standard error and an exit status."""
    try:
        app(prog_name="muster")
    except MusterError as error:
        err.print(Text.assemble((type(error).__name__, "bold red"), f": {error}"))
        sys.exit(BAD_INPUT)
    except (ClientError, BotoCoreError) as error:
        err.print(Text.assemble(("AWS", "bold red"), f": {error}"))
        sys.exit(FAILED)


@app.command()
def new(name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _; becomes models/NAME.")]) -> None:
    """Make models/NAME: a model.yaml with comments and the code of a first model that can be rehearsed at once."""
    from ops.scaffolding import create

    folder = create(name, Path("models"))
    out.print(f"{folder} is there. Next: edit {folder / 'model.yaml'}, then `muster rehearse --model {name}`.")


@app.command()
def publish(folder: Annotated[Path, typer.Argument(help="models/NAME")], prefix: Prefix = "muster") -> None:
    """Check a model against the floor, pin code, spec and image by digest, and move the model's pointer. Deploys nothing."""
    from ops.publishing import publish as run

    done = run(find(prefix), folder)
    out.print(
        table(
            ["what", "digest"], [("spec", done.spec_digest), ("code", done.code_digest), ("image", done.image_digest)]
        )
    )
    out.print(
        f"published {done.model} at commit {done.commit[:12]} by {done.publisher}; next: `muster start {done.model}`"
    )


@data.command("put")
def data_put(
    model: Annotated[Path, typer.Argument(help="models/NAME, whose model.yaml names the columns.")],
    files: Annotated[list[Path], typer.Argument(help="CSV files.")],
    to: Annotated[
        Literal["training", "batch", "reference", "recent"],
        typer.Option("--to", help="reference and recent are holdouts."),
    ] = "training",
    prefix: Prefix = "muster",
) -> None:
    """Put files into the data bucket, or freeze one labelled file as the reference or the recent holdout."""
    from muster import naming
    from ops import datasets
    from ops.packaging import read_spec

    spec, installation = read_spec(model), find(prefix)
    if to == "training" or to == "batch":
        below = spec.data.training if to == "training" else naming.batch_prefix(spec.name)
        for uri in datasets.put_files(installation, below, files):
            out.print(uri)
        return
    if len(files) != 1:
        raise typer.BadParameter(f"found {len(files)} files, wanted one file per holdout")
    frozen = datasets.put_holdout(installation, spec, to, files[0])
    out.print(f"{to} holdout of {spec.name}: {frozen.rows} rows, digest {frozen.digest}")


@app.command()
def start(
    model: Annotated[str, typer.Argument(help="A published model.")],
    reason: Reason = "",
    spec_digest: Annotated[str | None, typer.Option(help="A publication other than the latest.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow until it ends or waits for a person.")] = False,
    prefix: Prefix = "muster",
) -> None:
    """Start the pipeline for a model: train, judge, register, wait for approval."""
    from muster.contracts.base import parse
    from muster.contracts.pipeline import PipelineRequest
    from ops import executions

    wanted = {"model": model, "spec_digest": spec_digest, "reason": reason or None}
    request = parse(PipelineRequest, {key: value for key, value in wanted.items() if value is not None})
    installation = find(prefix)
    arn = executions.start(installation, "pipeline", request.model_dump(mode="json", exclude_none=True))
    out.print(arn)
    if wait:
        raise typer.Exit(_follow(installation, arn, until="Approve"))


@app.command()
def status(
    execution: Annotated[
        str | None, typer.Argument(help="An execution's ARN; without one, the latest executions.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow until it ends.")] = False,
    prefix: Prefix = "muster",
) -> None:
    """Show how an execution stands, or the latest executions of every workflow and what waits for approval."""
    from ops import approvals, executions

    installation = find(prefix)
    if execution:
        raise typer.Exit(_follow(installation, execution) if wait else _show(installation, execution))
    rows = [
        (each["startDate"].strftime("%Y-%m-%d %H:%M"), workflow, each["status"].lower(), each["executionArn"])
        for workflow in installation.state_machines
        for each in executions.recent(installation, workflow, 3)
    ]
    out.print(table(["started", "workflow", "status", "execution"], sorted(rows, reverse=True)))
    pending = approvals.pending(installation)
    if pending:
        columns = ["model", "package", "evidence digest", "expires"]
        out.print(table(columns, [(p.model, p.package_arn, p.evidence_digest[:12], p.expires_at) for p in pending]))


@app.command()
def approve(
    package: Annotated[str, typer.Argument(help="ARN of the model package.")],
    reason: Reason,
    digest: Annotated[
        str | None, typer.Option(help="The evidence digest that you have read (12 characters or more).")
    ] = None,
    prefix: Prefix = "muster",
) -> None:
    """Approve a model package for the digest of its evidence. You must be neither its starter nor its publisher."""
    _answer(package, "Approved", digest, reason, prefix)


@app.command()
def reject(
    package: Annotated[str, typer.Argument(help="ARN of the model package.")],
    reason: Reason,
    prefix: Prefix = "muster",
) -> None:
    """Reject a model package. Anybody with the ApproverPolicy may say no."""
    _answer(package, "Rejected", None, reason, prefix)


@app.command()
def rollback(
    endpoint: Annotated[str, typer.Argument(help="Name of the endpoint.")],
    reason: Reason,
    wait: Annotated[bool, typer.Option(help="Follow until it ends.")] = True,
    prefix: Prefix = "muster",
) -> None:
    """Bring an endpoint back to its last known good configuration."""
    from ops import executions

    installation = find(prefix)
    arn = executions.start(installation, "rollback", {"endpoint": endpoint, "reason": reason})
    out.print(arn)
    if wait:
        raise typer.Exit(_follow(installation, arn))


app.command()(monitor)
app.command()(batch)


@app.command()
def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the prefix to be typed.")] = False,
    prefix: Prefix = "muster",
) -> None:
    """Remove what Muster made outside its stacks, in a dev environment: executions, endpoints, packages, objects, ledger."""
    from ops import cleaning

    def confirm() -> bool:
        return yes or typer.prompt(f"Type {prefix} to remove all of it", default="", show_default=False) == prefix

    raise typer.Exit(cleaning.clean(find(prefix), confirm))


@app.command()
def rehearse(
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep an installation up for the AWS CLI, boto3 and this command.")
    ] = False,
    deployed: Annotated[
        bool,
        typer.Option(
            "--deployed", help="With --serve: train, approve and deploy a first version, for SAM and `muster invoke`."
        ),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            "--host", help="With --serve: address to listen on, such as Docker's bridge; checks no signature."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Rehearse models/NAME: the data scientist's inner loop.")
    ] = None,
    only: Annotated[Literal["training", "evaluation"] | None, typer.Option("--only", help="One workflow only.")] = None,
    verbose: Verbose = False,
) -> None:
    """Run the deployable files on this machine, with no AWS account: one model's workflows, or a whole installation."""
    from ops import rehearsing

    if serve == bool(model):
        raise typer.BadParameter("wanted either --serve or --model NAME")
    if model and (deployed or host):
        raise typer.BadParameter("--deployed and --host go with --serve")
    raise typer.Exit(
        rehearsing.serve(host, deployed) if serve else rehearsing.rehearse_model(str(model), only, verbose)
    )


@app.command()
def invoke(
    function: Annotated[str | None, typer.Argument(help="A function's folder name, such as judge_candidate.")] = None,
    event: Annotated[
        Path | None, typer.Option("--event", "-e", help="Its event; without it, the last one it got, else the sample.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every function, against a rehearsal with a first version deployed.")
    ] = False,
) -> None:
    """Run built functions in Lambda's runtime interface emulator, without Docker, against the rehearsal that is up."""
    from ops.invoking import command

    if every == bool(function):
        raise typer.BadParameter("wanted either a function or --all")
    raise typer.Exit(command.invoke_all() if every else command.invoke_one(str(function), event))


@app.command()
def demo(verbose: Verbose = False) -> None:
    """Tell the whole story on this machine: train, judge, approve, deploy, drift, retrain, replace, roll back."""
    from ops.demo.story import tell

    raise typer.Exit(tell(verbose))


def _answer(
    package: str, status: Literal["Approved", "Rejected"], digest: str | None, reason: str, prefix: str
) -> None:
    from ops import approvals

    done = approvals.answer(find(prefix), package, status, digest, reason)
    out.print(
        f"{status}: {done['model']}, evidence {done['digest']}. Muster judges the answer now; `muster status` shows what it decided."
    )


def _follow(installation: Installation, arn: str, until: str | None = None) -> int:
    from ops import executions

    for step in executions.follow(installation, arn):
        if isinstance(step, str):
            out.print(f"  {step}")
        if step == until:
            out.print("It waits for another person's approval: `muster status` shows the package and the digest.")
            return OK
    return _show(installation, arn)


def _show(installation: Installation, arn: str) -> int:
    from ops import executions

    ended = executions.describe(installation, arn)
    if ended.running:
        out.print(f"running: {arn}")
        return OK
    if ended.status != "SUCCEEDED":
        err.print(f"{ended.status.lower()}: {ended.error}: {ended.cause}")
        return FAILED
    out.print(f"{ended.outcome}: {'; '.join(ended.output.get('reasons') or []) or ended.output.get('reason') or arn}")
    for name in ("package_arn", "evidence_digest", "report_uri"):
        if ended.output.get(name):
            out.print(f"  {name}: {ended.output[name]}")
    return OK if ended.outcome in ("approved", "deployed", "rolled_back", "started", "succeeded") else NOT_REACHED
