"""The request of the job that computes what live answers rest on: the serving model explains a sample of live rows.

It is the evaluation's prediction job (jobs/predict.py) on the package's own image, the sample being a holdout ``live``.
"""

from collections.abc import Mapping

from muster.contracts.monitoring import Watched
from muster.contracts.pipeline import JobFragment
from muster.contracts.spec_monitoring import AttributionSpec
from muster.plans.fragments import HOLDOUTS, MODEL, OUTPUT, Machines, muster_job, processing_input, processing_output
from muster.settings import Settings

LIVE = "live"
_VOLUME_GB = 30


def sample_uri(watched: Watched) -> str:
    """Return where the sample has to be before the job starts."""
    return f"{watched.work}sample/{LIVE}/features.csv"


def attributions_uri(watched: Watched) -> str:
    """Return where the job leaves the attributions; nothing, when the model's code explains nothing."""
    return f"{watched.work}attributions/attributions.json"


def plan(
    watched: Watched,
    asked: AttributionSpec,
    settings: Settings,
    *,
    artifact_uri: str,
    artifact_digest: str,
    image_uri: str,
    environment: Mapping[str, str],
    content_type: str,
    jobs_digest: str,
) -> JobFragment:
    """Return the job.

    Parameters
    ----------
    artifact_uri, artifact_digest, image_uri, environment
        Of the package that serves; the environment names its inference script (SAGEMAKER_PROGRAM).
    content_type
        What the model is asked in.
    jobs_digest
        Digest of Muster's own job code.
    """
    return muster_job(
        "predict.py",
        (
            *("--model", f"{MODEL}/model.tar.gz", "--model-digest", artifact_digest),
            *("--holdouts", HOLDOUTS, "--content-type", content_type, "--output", OUTPUT),
        ),
        settings=settings,
        jobs_digest=jobs_digest,
        image_uri=image_uri,
        inputs=(
            processing_input("model", artifact_uri, MODEL),
            processing_input(f"holdout-{LIVE}", sample_uri(watched), f"{HOLDOUTS}/{LIVE}"),
        ),
        outputs=(processing_output("predictions", OUTPUT, attributions_uri(watched).rpartition("/")[0] + "/"),),
        machines=Machines(asked.instance_type, _VOLUME_GB, asked.max_runtime_seconds),
        environment=environment,
    )
