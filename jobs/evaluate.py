"""Measure a candidate, and the champion beside it, on the holdouts: evaluation.json and report.html.

Muster's own code joins the frozen labels with the predictions that the models made elsewhere; a model's author computes
no figure. Inputs are checked by digest, holdouts must share no row with the training snapshot, every prediction must be
there and be a number. What cannot be measured (AUC of a slice with one class) is null, with the reason in the report.
"""

import argparse
from pathlib import Path

from muster_jobs.digests import read_json, write_json
from muster_jobs.failure import JobError, run_job
from muster_jobs.measuring import HoldoutResult, Wanted, measure
from muster_jobs.overlap import check_disjoint, check_snapshot
from muster_jobs.report import Report, render
from muster_jobs.scores import Scores, encode_truth, make_scores, prediction_columns
from muster_jobs.tables import Features, check_holdout, read_features, read_labels, read_predictions


def main() -> None:
    """Check, measure, write."""
    arguments = parse_arguments()
    plan = read_json(arguments.plan, "evaluation plan")
    models = {"candidate": arguments.candidate}
    if plan["champion_artifact_digest"]:
        if arguments.champion is None:
            raise JobError("the plan names a champion, but --champion is not given")
        models["champion"] = arguments.champion
    check_snapshot(arguments.snapshot, plan["snapshot_digest"])
    results = {}
    for kind, digest in sorted(plan["holdouts"].items(), reverse=True):  # reference first
        check_holdout(arguments.holdouts, kind, digest)
        features = read_features(arguments.holdouts, kind)
        check_disjoint(features, arguments.snapshot)
        scores = read_scores(plan, features, arguments.holdouts, models)
        results[kind] = measure(features, scores, wanted_of(plan))
        print(f"holdout {kind}: {len(features.ids)} rows measured, none of them in the training snapshot")
    attributions = read_attributions(arguments.candidate)
    write_json(arguments.output / "evaluation.json", evaluation(plan, results, attributions))
    report = render(Report(plan, results, attributions))
    (arguments.output / "report.html").write_text(report, encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--plan", type=Path, required=True, help="evaluation_plan.json")
    parser.add_argument("--candidate", type=Path, required=True, help="predict.py's output for the candidate")
    parser.add_argument("--champion", type=Path, help="predict.py's output for the champion, when there is one")
    parser.add_argument("--holdouts", type=Path, required=True, help="folder with <kind>/{manifest,features,labels}")
    parser.add_argument(
        "--snapshot", type=Path, required=True, help="folder with the snapshot's manifest.json and data/"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for evaluation.json and report.html")
    return parser.parse_args()


def wanted_of(plan: dict) -> Wanted:
    """Return what the plan asks to measure."""
    evaluation_spec = plan["evaluation"]
    return Wanted(
        metrics=list(plan["metrics"]),
        confidence=evaluation_spec["confidence"],
        slices=[each["column"] for each in evaluation_spec.get("slices", [])],
        bias_groups=[
            (each["column"], each["metric"], each["min_rows"]) for each in evaluation_spec.get("bias_groups", [])
        ],
        seed=plan["seed"],
    )


def read_scores(plan: dict, features: Features, holdouts: Path, models: dict[str, Path]) -> dict[str, Scores]:
    """Join the labels of a holdout with the predictions of each model."""
    problem_type, classes = plan["problem_type"], tuple(plan["classes"] or ())
    what = f"holdout {features.kind}"
    truth = encode_truth(read_labels(holdouts, features), features.ids, problem_type, classes, what)
    scores = {}
    for model, folder in models.items():
        columns = prediction_columns(problem_type, classes)
        predictions = read_predictions(folder / f"{features.kind}.csv", features, columns, model)
        scores[model] = make_scores(problem_type, classes, truth, predictions, features.ids, f"{model}, {what}")
    return scores


def read_attributions(folder: Path) -> list[dict]:
    """Return features and importance on the reference holdout, the largest first; nothing when the model tells none."""
    path = folder / "attributions.json"
    if not path.exists():
        return []
    importance = read_json(path, "attributions")["holdouts"]["reference"]
    ordered = sorted(importance.items(), key=lambda item: (-item[1], item[0]))
    return [{"feature": name, "importance": value} for name, value in ordered]


def evaluation(plan: dict, results: dict[str, HoldoutResult], attributions: list[dict]) -> dict:
    """Return the contents of evaluation.json (contract EvaluationReport)."""
    champion = bool(plan["champion_artifact_digest"])
    return {
        "schema": 1,
        "problem_type": plan["problem_type"],
        "primary_metric": plan["evaluation"]["primary_metric"],
        "confidence": plan["evaluation"]["confidence"],
        "holdouts": {
            # Overlap is an error before it gets here: a report is only written for holdouts that share no row.
            kind: {"digest": plan["holdouts"][kind], "rows": len(result.features.ids), "overlap_rows": 0}
            for kind, result in results.items()
        },
        "candidate": {kind: result.models["candidate"].as_json() for kind, result in results.items()},
        "champion": {k: r.models["champion"].as_json() for k, r in results.items()} if champion else None,
        "comparison": {k: r.comparison.as_json() for k, r in results.items() if r.comparison} if champion else None,
        "attributions": attributions,
    }


if __name__ == "__main__":
    run_job("evaluate.py", main)
