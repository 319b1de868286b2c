"""Training half of AWS's framework images in script mode: where the code is, which variables it sees, how it is run.

Written after sagemaker-containers 2.8.6 (the version in the XGBoost images): ``_trainer.train``, ``_modules.run_module``,
``_env.TrainingEnv``, ``_mapping.to_cmd_args`` and ``to_env_vars``, and sagemaker-xgboost-container's ``training.py``.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PREFIX = "sagemaker_"
# sagemaker_containers._params.SAGEMAKER_HYPERPARAMETERS; any other sagemaker_* is a "framework parameter".
OWN = (
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_region",
    "sagemaker_s3_output",
    "default_user_module_name",
)
FRAMEWORK_MODULE = "sagemaker_xgboost_container.training:main"


class Failure(Exception):
    """The toolkit's own ClientError: its text becomes the failure file."""


def train(spec: dict[str, Any], run_module: Callable[..., int]) -> int:
    """Run the user's program as the image's entry point does and return the exit status of the container."""
    root = Path(spec["root"])
    try:
        env = TrainingEnvironment(root, os.environ)
        code = root / "code"
        extract(spec["source"] or env.module_dir, code)
        _install(code, env.module_name, spec)
        os.environ.update(env.variables())
        arguments = env.arguments()
    except Failure as failure:
        return _fail(root, str(failure))
    except Exception as error:  # sagemaker_containers._trainer.train: "framework error"
        import traceback

        traceback.print_exc()
        return _fail(root, f"framework error: \n{traceback.format_exc()}\n{error}")
    # The toolkit runs the program in another process and overwrites the failure file with its own message when that
    # ends badly; so the message is prepared before, and put in place by the agent (training.py).
    command = " ".join(["/miniconda3/bin/python3", "-m", env.module_name, *arguments])
    Path(spec["folder"], "command.txt").write_text(command, encoding="utf-8")
    status = run_module(spec, env.module_name, arguments, code)
    return 1 if status else 0


def _fail(root: Path, message: str) -> int:
    sys.stderr.write(message + "\n")
    (root / "output").mkdir(exist_ok=True)
    (root / "output" / "failure").write_text(message, encoding="utf-8")
    return 1


def extract(source: str, code: Path) -> None:
    """Put the user's code into the folder `code` (sagemaker_containers._files.download_and_extract).

    Parameters
    ----------
    source
        A folder, a gzipped tar or a single file on the container's disk. An S3 URI, which the toolkit would download
        itself, only gets here with network isolation, where it could not.
    """
    code.mkdir(parents=True, exist_ok=True)
    if any(code.iterdir()):
        return
    if source.startswith("s3://"):
        raise Failure(
            f"sagemaker_submit_directory {source}: the container has no way to S3. Give the code as an input channel "
            "and name its place, such as /opt/ml/input/data/code/sourcedir.tar.gz"
        )
    if Path(source).is_dir():
        shutil.copytree(source, code, dirs_exist_ok=True)
    elif not Path(source).is_file():
        raise FileNotFoundError(2, "No such file or directory", source)
    elif tarfile.is_tarfile(source):
        with tarfile.open(source, "r:gz") as archive:
            archive.extractall(code, filter="data")
    else:
        shutil.copy2(source, code)


def _install(code: Path, module: str, spec: dict[str, Any]) -> None:
    """Stand in for ``pip install . -r requirements.txt``: nothing to do, unless it needs the network.

    A module that the image's Python could not even parse is refused here as well.
    """
    if (code / "requirements.txt").exists():
        raise Failure(
            'InstallModuleError:\nCommand "/miniconda3/bin/python3 -m pip install . -r requirements.txt"\n'
            f"{spec['who']} has no way to a package index: use what the image {spec['image']['name']} has"
        )
    place = code.joinpath(*module.split("."))
    if not place.with_name(f"{place.name}.py").exists() and not place.is_dir():
        found = ", ".join(sorted(path.name for path in code.iterdir())) or "nothing"
        raise Failure(
            f'ExecuteUserScriptError:\nCommand "/miniconda3/bin/python3 -m {module}"\n'
            f"No module named {module}: the code archive has {found}"
        )
    check_syntax(code, spec["image"])


def check_syntax(code: Path, image: dict[str, Any]) -> None:
    """Refuse source files that the image's Python cannot parse."""
    major, minor = (int(part) for part in image["python"].split("."))
    for path in sorted(code.rglob("*.py")):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(major, minor))
        except SyntaxError as error:
            raise Failure(
                f"SyntaxError in {path.relative_to(code)}, line {error.lineno}: {error.msg} "
                f"(the image {image['name']} has Python {image['python']})"
            ) from error


def _parsed(text: str) -> Any:
    """Return a hyperparameter as the toolkit reads it: JSON where it is JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


class TrainingEnvironment:
    """What sagemaker_containers' TrainingEnv makes of /opt/ml/input/config.

    Parameters
    ----------
    root
        The /opt/ml folder.
    given
        The process environment, which may name the program (SAGEMAKER_PROGRAM).
    """

    def __init__(self, root: Path, given: Any) -> None:
        self.root = root

        def read(name: str) -> Any:
            return json.loads((root / "input" / "config" / name).read_text(encoding="utf-8"))

        everything = {name: _parsed(value) for name, value in read("hyperparameters.json").items()}
        self.framework = {n: v for n, v in everything.items() if n in OWN or n.startswith(PREFIX)}
        self.hyperparameters = {n: v for n, v in everything.items() if n not in self.framework}
        self.resources = read("resourceconfig.json")
        self.inputs = read("inputdataconfig.json")
        self.job_name = given.get("TRAINING_JOB_NAME", "")
        program = given.get("SAGEMAKER_PROGRAM") or str(self.framework.get("sagemaker_program", ""))
        if not program:
            raise Failure("no sagemaker_program was given: the image's built-in algorithm is not rehearsed")
        self.program = program
        self.module_name = program[:-3] if program.endswith(".py") else program
        self.module_dir = str(self.framework.get("sagemaker_submit_directory", root / "code"))

    @property
    def extra(self) -> dict[str, Any]:
        """sagemaker_* hyperparameters that the toolkit does not know itself."""
        return {name: value for name, value in self.framework.items() if name not in OWN}

    @property
    def channels(self) -> dict[str, str]:
        """Folder of each input channel."""
        return {name: str(self.root / "input" / "data" / name) for name in self.inputs}

    def arguments(self) -> list[str]:
        """Return the hyperparameters as ``--name value`` (one dash for names of one letter), sorted by name."""
        arguments = []
        for name in sorted(self.hyperparameters):
            value = self.hyperparameters[name]
            if isinstance(value, dict):
                value = ",".join(f"{key}={item}" for key, item in sorted(value.items()))
            arguments += [f"--{name}" if len(name) > 1 else f"-{name}", "" if value is None else str(value)]
        return arguments

    def variables(self) -> dict[str, str]:
        """Return the SM_* variables."""
        count = os.cpu_count() or 1
        described = {
            "additional_framework_parameters": self.extra,
            "channel_input_dirs": self.channels,
            "current_host": self.resources["current_host"],
            "framework_module": FRAMEWORK_MODULE,
            "hosts": self.resources["hosts"],
            "hyperparameters": self.hyperparameters,
            "input_config_dir": str(self.root / "input" / "config"),
            "input_data_config": self.inputs,
            "input_dir": str(self.root / "input"),
            "is_master": True,
            "job_name": self.job_name,
            "log_level": 20,
            "master_hostname": self.resources["hosts"][0],
            "model_dir": str(self.root / "model"),
            "module_dir": self.module_dir,
            "module_name": self.module_name,
            "network_interface_name": self.resources["network_interface_name"],
            "num_cpus": count,
            "num_gpus": 0,
            "output_data_dir": str(self.root / "output" / "data"),
            "output_dir": str(self.root / "output"),
            "output_intermediate_dir": str(self.root / "output" / "intermediate"),
            "resource_config": self.resources,
            "user_entry_point": self.program,
        }
        values: dict[str, Any] = {
            **{
                name: described[name]
                for name in described
                if name not in ("additional_framework_parameters", "channel_input_dirs", "hyperparameters")
                and name not in ("is_master", "job_name", "master_hostname")
            },
            "hps": self.hyperparameters,
            "framework_params": self.extra,
            "channels": sorted(self.channels),
            "training_env": described,
            "user_args": self.arguments(),
            **{f"channel_{name}": folder for name, folder in self.channels.items()},
            **{f"hp_{name}": value for name, value in self.hyperparameters.items()},
        }
        return {f"SM_{name.upper()}": _shown(value) for name, value in values.items()}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))
