"""Entry point of the process that a job runs in: what ``docker run`` does with the image's command."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from rehearsal.sagemaker.inside import sandbox, script_mode

_PYTHONS = ("python", "python3", "python3.10", "/miniconda3/bin/python", "/miniconda3/bin/python3", "/usr/bin/python3")


def main(spec: dict[str, Any]) -> int:
    """Run a job's program and return its exit status.

    Parameters
    ----------
    spec
        ``argv`` (entry point and arguments) or ``contract`` (the image's own entry point), and what
        `sandbox.enter` wants. Paths are those of this machine.
    """
    if spec.get("argv"):
        return _run(spec, spec["argv"])
    contract = {"xgboost": script_mode.train}[spec["contract"]]
    return contract(spec, run_module)


def _run(spec: dict[str, Any], argv: list[str]) -> int:
    """Run a command line: Python in this process, anything else in its place."""
    if argv[0] not in _PYTHONS:
        sandboxed = {**os.environ, **sandbox.environment(spec), "PATH": _path_with_python(spec)}
        try:
            os.execvpe(argv[0], argv, sandboxed)  # noqa: S606 - no shell: it is the container's command line
        except FileNotFoundError:
            sys.stderr.write(f"exec: {argv[0]!r}: executable file not found in $PATH\n")
            return 127
    rest = argv[1:]
    while rest and rest[0] in ("-u", "-B", "-s", "-E", "-I"):
        rest = rest[1:]
    if not rest:
        sys.stderr.write("python3: no script was given\n")
        return 2
    if rest[0] == "-m" and len(rest) > 1:
        return run_module(spec, rest[1], rest[2:], Path.cwd())
    if rest[0] == "-c" and len(rest) > 1:
        _enter(spec, Path.cwd(), ["-c", *rest[2:]])
        return guarded(lambda: exec(compile(rest[1], "<string>", "exec"), {"__name__": "__main__"}))  # nosec B102 # noqa: S102 - as `python -c`
    script = Path(rest[0])
    if not script.is_file():
        sys.stderr.write(f"python3: can't open file {rest[0]!r}: [Errno 2] No such file or directory\n")
        return 2
    _enter(spec, script.resolve().parent, rest)
    return guarded(lambda: runpy.run_path(rest[0], run_name="__main__"))


def run_module(spec: dict[str, Any], name: str, arguments: list[str], folder: Path) -> int:
    """Do what ``python -m name`` does in `folder`; return the exit status."""
    os.chdir(folder)
    _enter(spec, folder, [name, *arguments])
    return guarded(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def _enter(spec: dict[str, Any], folder: Path, argv: list[str]) -> None:
    sys.argv[:] = argv
    os.environ.update(sandbox.environment(spec))  # for what the job starts in turn
    sandbox.enter(spec, [str(folder)])


def guarded(call: Any) -> int:
    """Call user code and turn how it ends into an exit status, as the interpreter does."""
    try:
        call()
    except SystemExit as stop:
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code + "\n")
            return 1
        return int(stop.code or 0)
    except BaseException:
        _print_user_traceback()
        return 1
    return 0


def _print_user_traceback() -> None:
    """Print the exception as Python would, without the frames of the rehearsal and of runpy."""
    kind, error, trace = sys.exc_info()
    own = (str(Path(__file__).parent), "<frozen runpy>")
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(own):
        trace = trace.tb_next
    traceback.print_exception(kind, error, trace)


def _path_with_python(spec: dict[str, Any]) -> str:
    """Return a PATH on which python and python3 are this interpreter."""
    folder = Path(spec["folder"], "bin")
    folder.mkdir(exist_ok=True)
    for name in ("python", "python3"):
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        file.chmod(0o700)
    return f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
