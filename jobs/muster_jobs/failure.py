"""How a job fails: one clear line, where SageMaker and a person look for it."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

LONGEST_MESSAGE = 1000
"""Characters. SageMaker keeps the first 1024 of a processing job's message as its ExitMessage."""


class JobError(Exception):
    """Something is wrong with what the job was given; the text is the one line that a person will read."""


def run_job(script: str, main: Callable[[], None]) -> None:
    """Run a job script's `main` and end the process as a SageMaker job should.

    A `JobError` is told as it is. Anything else is a fault of the script: the traceback goes to the log, and the line
    names the script and the exception. Either way the line is the last of stderr and is written to the file
    ``output/message`` of the job's base folder, from where SageMaker takes a processing job's ExitMessage.

    Parameters
    ----------
    script
        The script's file name, for the line.
    main
        Does the work; what it returns is ignored.

    Raises
    ------
    SystemExit
        With status 1 when `main` failed.
    """
    try:
        main()
    except JobError as error:
        message = str(error)
    except Exception as error:
        traceback.print_exc()
        message = f"{script} failed: {type(error).__name__}: {error}"
    else:
        return
    line = " ".join(message.split())[:LONGEST_MESSAGE]
    write_message(line)
    print(line, file=sys.stderr, flush=True)
    sys.exit(1)


def base_folder() -> Path:
    """Return the folder that SageMaker gives a job, /opt/ml.

    ``SAGEMAKER_BASE_DIR``, the training toolkit's own variable, says otherwise when it is set. Without it, it is the
    folder whose ``processing/`` this file was mounted below: /opt/ml in SageMaker, the job's folder in a rehearsal.
    """
    if given := os.environ.get("SAGEMAKER_BASE_DIR"):
        return Path(given)
    for parent in Path(__file__).resolve().parents:
        if parent.name == "processing":
            return parent.parent
    return Path("/opt/ml")


def write_message(line: str) -> None:
    """Write the job's message file; a folder that cannot be written must not hide the line itself."""
    path = base_folder() / "output" / "message"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line, encoding="utf-8")
    except OSError as error:
        print(f"could not write {path}: {error}", file=sys.stderr)


def several(items: list[str], limit: int = 10) -> str:
    """Return the items as words, the first few and how many more: ``5, 9, 14 and 37 more``."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more
