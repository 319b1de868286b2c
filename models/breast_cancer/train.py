"""Train the classifier: SageMaker script mode, XGBoost, checkpoints that a spot interruption can resume from.

Hyperparameters come as ``--name value``; the folders come from SageMaker's variables SM_CHANNEL_TRAIN,
SM_CHANNEL_VALIDATION and SM_MODEL_DIR (also options, for a run by hand). Written into the model folder:

- ``model.json``   the booster
- ``schema.json``  the columns of a request and the classes, from the preprocessing
- ``code/``        what the endpoint runs: inference.py and features.py

Each evaluation prints one line that a CloudWatch metric definition can read, for example
``[25] train-logloss=0.1093 validation-logloss=0.1421 validation-auc=0.9874``
with the regular expression ``validation-auc=([0-9.eE+-]+)``.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import sys
import traceback
from pathlib import Path

import features
import numpy as np
import xgboost as xgb

CODE_FOR_INFERENCE = ("inference.py", "features.py")
# One thread: the sums inside XGBoost's histograms depend on the number of threads, and a few hundred rows need no more.
THREADS = 1


def main() -> None:
    """Read the channels, resume or start, train, save."""
    arguments = parse_arguments()
    train = read_channel(arguments.train)
    validation = read_channel(arguments.validation)
    parameters = {
        "objective": "binary:logistic",
        "eval_metric": ["logloss", "auc"],
        "tree_method": "hist",
        "nthread": THREADS,
        "max_depth": arguments.max_depth,
        "eta": arguments.eta,
        "scale_pos_weight": arguments.scale_pos_weight,
        "seed": arguments.seed,
    }
    print(f"training on {train.num_row()} rows, validating with {validation.num_row()}")
    checkpoints = Checkpoints(arguments.checkpoint_dir, arguments.checkpoint_every, identity(arguments, parameters))
    booster = checkpoints.newest()
    done = booster.num_boosted_rounds() if booster else 0
    if done:
        print(f"resuming from the checkpoint of round {done}")
    if done < arguments.num_round:
        booster = xgb.train(
            parameters,
            train,
            num_boost_round=arguments.num_round - done,
            evals=[(train, "train"), (validation, "validation")],
            verbose_eval=False,
            xgb_model=booster,
            callbacks=[MetricLines(every=25), checkpoints],
        )
    save(booster, arguments)


def parse_arguments() -> argparse.Namespace:
    """Return the hyperparameters and folders; an unknown name or an impossible value ends the job at once."""
    environment = os.environ.get
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--max_depth", type=int, default=3, help="depth of a tree, 1 to 12")
    parser.add_argument("--eta", type=float, default=0.1, help="learning rate, above 0 and at most 1")
    parser.add_argument("--num_round", type=int, default=200, help="number of trees, at least 1")
    parser.add_argument("--scale_pos_weight", type=float, default=1.0, help="weight of the second class, above 0")
    parser.add_argument("--seed", type=int, default=7, help="seed of XGBoost")
    parser.add_argument("--checkpoint_dir", type=Path, default=None, help="folder that SageMaker keeps in S3")
    parser.add_argument("--checkpoint_every", type=int, default=50, help="rounds between checkpoints")
    parser.add_argument("--train", type=Path, default=environment("SM_CHANNEL_TRAIN"))
    parser.add_argument("--validation", type=Path, default=environment("SM_CHANNEL_VALIDATION"))
    parser.add_argument("--model-dir", type=Path, default=environment("SM_MODEL_DIR"))
    arguments, unknown = parser.parse_known_args()
    if unknown:
        known = "max_depth, eta, num_round, scale_pos_weight, seed, checkpoint_dir, checkpoint_every"
        raise ValueError(f"hyperparameter {unknown[0].lstrip('-')} is unknown; known are {known}")
    for name, ok in (
        ("max_depth", 1 <= arguments.max_depth <= 12),
        ("eta", 0 < arguments.eta <= 1),
        ("scale_pos_weight", arguments.scale_pos_weight > 0),
        ("num_round", arguments.num_round >= 1),
        ("checkpoint_every", arguments.checkpoint_every >= 1),
    ):
        if not ok:
            raise ValueError(f"hyperparameter {name} is {getattr(arguments, name)}; see train.py --help for its range")
    for name, variable in (
        ("train", "SM_CHANNEL_TRAIN"),
        ("validation", "SM_CHANNEL_VALIDATION"),
        ("model_dir", "SM_MODEL_DIR"),
    ):
        if getattr(arguments, name) is None:
            raise ValueError(f"{variable} is not set; give --{name.replace('_', '-')} when no SageMaker job runs this")
    return arguments


def read_channel(folder: Path) -> xgb.DMatrix:
    """Return the rows.csv of a channel, checked against the features that this code makes."""
    path = folder / "rows.csv"
    if not path.is_file():
        raise ValueError(f"{path} is missing; preprocess.py writes it")
    with path.open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file), [])
        if header != [*features.FEATURES, "label"]:
            raise ValueError(
                f"{path} was made by another features.py: {sorted(set(header) ^ {*features.FEATURES, 'label'})}"
            )
        table = np.loadtxt(file, delimiter=",", ndmin=2)
    return xgb.DMatrix(table[:, :-1], label=table[:, -1], feature_names=list(features.FEATURES), nthread=THREADS)


def identity(arguments: argparse.Namespace, parameters: dict) -> str:
    """Return the digest of everything a checkpoint depends on, so that one of another run is never resumed from."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for folder in (arguments.train, arguments.validation):
        digest.update((folder / "rows.csv").read_bytes())
    return digest.hexdigest()[:16]


class Checkpoints(xgb.callback.TrainingCallback):
    """Saves the booster every few rounds under a name that tells the run and the round; finds the newest again."""

    def __init__(self, folder: Path | None, every: int, run: str) -> None:
        super().__init__()
        self.folder, self.every, self.run = folder, every, run

    def newest(self) -> xgb.Booster | None:
        """Return the booster of the last checkpoint of this very run, or None."""
        files = sorted(self.folder.glob(f"{self.run}-*.json")) if self.folder else []
        return xgb.Booster({"nthread": THREADS}, model_file=files[-1]) if files else None

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: dict) -> bool:  # noqa: ARG002
        """Save when it is time; never stops the training."""
        rounds = model.num_boosted_rounds()
        if self.folder and rounds % self.every == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Written aside and renamed: SageMaker copies the folder to S3 at any moment, and must not see half a file.
            unfinished = self.folder / f".{self.run}.json"
            model.save_model(unfinished)
            unfinished.rename(self.folder / f"{self.run}-{rounds:06d}.json")
        return False


class MetricLines(xgb.callback.TrainingCallback):
    """Prints the metrics of every few rounds, and of the last one, in one line each."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self.every = every

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: dict) -> bool:  # noqa: ARG002
        """Print when it is time; never stops the training."""
        if model.num_boosted_rounds() % self.every == 0:
            self.show(model, evals_log)
        return False

    def after_training(self, model: xgb.Booster) -> xgb.Booster:
        """Say how many trees there are."""
        print(f"trained {model.num_boosted_rounds()} rounds")
        return model

    @staticmethod
    def show(model: xgb.Booster, evals_log: dict) -> None:
        """Print one line, newest values only."""
        values = (f"{part}-{name}={log[-1]:.6f}" for part, logs in evals_log.items() for name, log in logs.items())
        print(f"[{model.num_boosted_rounds()}]", *values, flush=True)


def save(booster: xgb.Booster, arguments: argparse.Namespace) -> None:
    """Write the model folder: what SageMaker packs into model.tar.gz."""
    code = arguments.model_dir / "code"
    code.mkdir(parents=True, exist_ok=True)
    booster.save_model(arguments.model_dir / "model.json")
    shutil.copy(arguments.train / "schema.json", arguments.model_dir / "schema.json")
    for name in CODE_FOR_INFERENCE:
        shutil.copy(Path(__file__).resolve().parent / name, code / name)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        traceback.print_exc()
        sys.exit(f"train.py failed: {type(error).__name__}: {error}")
