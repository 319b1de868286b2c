"""`muster rehearse`: a model's inner loop of seconds, or an installation that stays up for other tools."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from muster import naming
from ops import approvals, datasets, executions, publishing
from ops.console import FAILED, NOT_REACHED, OK, err, out, table
from ops.demo import watching
from ops.demo.story import FACTOR
from ops.installation import Installation
from ops.invoking import events, variables
from ops.invoking.replaying import deploy_first_version
from ops.packaging import read_spec
from ops.stage import Stage, reference_model
from rehearsal.server import LOOPBACK

Only = Literal["training", "evaluation"]


def rehearse_model(name: str, only: Only | None, verbose: bool) -> int:
    """Rehearse one model on the data in its folder: ``part*.csv`` to train on, ``holdout_<kind>.csv`` to judge by.

    Returns the exit status: 0 passed, 1 a fault (with the script's own message), 3 judged and not passed.
    """
    folder = Path("models") / name
    spec = read_spec(folder)
    training = sorted((folder / "data").glob("part*.csv"))
    with Stage(on_event=watching.printer() if verbose else _logs()) as stage:
        steward, scientist = stage.as_("sam", "Steward"), stage.as_("dana", "Scientist")
        datasets.put_files(steward, spec.data.training, training or [folder / "data" / "part1.csv"])
        for kind in datasets.KINDS:
            file = folder / "data" / f"holdout_{kind}.csv"
            if file.is_file():
                datasets.put_holdout(steward, spec, kind, file)
        publishing.publish(scientist, stage.commit(folder))
        if only:
            return _workflows_alone(stage, name, only)
        arn = executions.start(scientist, "pipeline", {"model": name})
        return _pipeline(stage, arn, name)


def _logs() -> Callable[[dict[str, Any]], None]:
    def tell(event: dict[str, Any]) -> None:
        if event["kind"] == "log":
            out.print(f"| {event['line']}", style="dim")

    return tell


def _pipeline(stage: Stage, arn: str, model: str) -> int:
    installation = stage.everything()
    while True:
        ended = executions.describe(installation, arn)
        pending = approvals.pending(installation)
        if pending or not ended.running:
            break
        time.sleep(0.1)
    if not pending and ended.status != "SUCCEEDED":
        err.print(f"{ended.error}: {ended.cause}")
        return FAILED
    _show_report(installation, model, naming.run_id(arn))
    if pending:
        out.print(f"passed: {pending[0].package_arn} waits for a second person's approval; the rehearsal ends here")
        return OK
    _show_verdict(ended.outcome, ended.output.get("reasons", []))
    return NOT_REACHED


def _workflows_alone(stage: Stage, model: str, only: Only) -> int:
    """Run training, and evaluation on top, without the pipeline around them."""
    installation = stage.everything()
    run = _resolve(installation, model)
    trained = _run(installation, "training", {"run": run})
    if trained.status != "SUCCEEDED":
        err.print(f"{trained.error}: {trained.cause}")
        return FAILED
    job = trained.output["training_job"]
    out.print(
        table(
            ["artifact", "training seconds"], [(trained.output["artifact"]["digest"][:12], job["seconds"])], right=(1,)
        )
    )
    if only == "training":
        return OK
    judged = _run(installation, "evaluation", {"run": run, "training": trained.output})
    if judged.status != "SUCCEEDED":
        err.print(f"{judged.error}: {judged.cause}")
        return FAILED
    _show_report(installation, model, run["run"])
    _show_verdict(judged.output["verdict"], judged.output["reasons"])
    return OK if judged.output["verdict"] == "passed" else NOT_REACHED


def _resolve(installation: Installation, model: str) -> dict[str, Any]:
    """Ask the function that begins a pipeline for a run, under an execution name of the rehearsal's own."""
    name = "rehearsed"
    arn = installation.state_machines["pipeline"].replace(":stateMachine:", ":execution:") + f":{name}"
    event = {
        "request": {"model": model},
        "execution": {"arn": arn, "name": name, "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    }
    answer = installation.client("lambda").invoke(
        FunctionName=f"{installation.prefix}-resolve-request", Payload=json.dumps(event).encode()
    )
    run: dict[str, Any] = json.loads(answer["Payload"].read())
    return run


def _run(installation: Installation, workflow: str, request: dict[str, Any]) -> executions.Ended:
    arn = executions.start(installation, workflow, request)
    for step in executions.follow(installation, arn, pause=0.1):
        if isinstance(step, executions.Ended):
            return step
    raise AssertionError("follow ends with how the execution ended")


def _show_report(installation: Installation, model: str, run: str) -> None:
    s3, bucket = installation.client("s3"), installation.buckets["evidence"]
    folder = Path("build") / "rehearsed" / model
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("report.html", "evaluation.json"):
        body = s3.get_object(Bucket=bucket, Key=naming.report_key(model, run, file))["Body"]
        (folder / file).write_bytes(body.read())
    out.print(f"report: {folder / 'report.html'}")


def _show_verdict(verdict: str, reasons: list[str]) -> None:
    out.print(verdict)
    for reason in reasons:
        out.print(f"  {reason}")


def serve(host: str | None, deployed: bool) -> int:
    """Keep an installation up until interrupted, with the reference model published and its data put, or even deployed.

    Listens on the loopback interface, or on another address of this machine. Writes ``events/env.json`` and the events of
    ``build/events``, for `sam local invoke` and `muster invoke`.
    """
    if host:
        err.print(
            f"It listens on {host} and checks no signature: whoever reaches that address may do everything in it."
        )
    with Stage(factor=FACTOR if deployed else 60.0, on_event=events.begin(), address=host or LOOPBACK) as stage:
        if deployed:
            deploy_first_version(stage)
        else:
            _publish_reference(stage)
        variables.write(variables.of(stage))
        wait_for_interrupt(stage)
    return OK


def _publish_reference(stage: Stage) -> None:
    folder = reference_model()
    spec = read_spec(folder)
    steward = stage.as_("sam", "Steward")
    datasets.put_files(steward, spec.data.training, [folder / "data" / "part1.csv"])
    datasets.put_holdout(steward, spec, "reference", folder / "data" / "holdout_reference.csv")
    publishing.publish(stage.as_("dana", "Scientist"), stage.commit(folder))


def wait_for_interrupt(stage: Stage) -> None:
    """Say how to reach the installation, and stay until Ctrl-C."""
    for person, role in (("sam", "Steward"), ("dana", "Scientist"), ("alex", "Approver")):
        variables = stage.rehearsal.environment(stage.rehearsal.person(person, role))
        lines = "\n".join(f"export {key}={value}" for key, value in variables.items())
        file = Path("build") / f"{person}.sh"
        file.parent.mkdir(exist_ok=True)
        file.write_text(lines + "\n", encoding="utf-8")
    out.print(f"An installation of Muster is up at {stage.rehearsal.endpoint}. In other terminals:")
    out.print(
        f"  . build/dana.sh && ./muster start {reference_model().name} --wait     # dana starts a pipeline, which comes to wait for approval"
    )
    out.print("  . build/alex.sh && ./muster status                         # alex sees what waits")
    out.print("  . build/alex.sh && ./muster approve PACKAGE --reason '…'   # and approves it; it is deployed")
    out.print("  make invoke FUNCTION=resolve_request                       # one built function, in Lambda's emulator")
    out.print("The AWS CLI and boto3 work in the same terminals. Ctrl-C ends it.")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        out.print("stopped")
