"""Requests of the `batch_inference` workflow: the transform job, and where its files are."""

from muster import naming
from muster.contracts.batch import TransformFragment
from muster.contracts.monitoring import Watched
from muster.contracts.spec_monitoring import BatchSpec
from muster.settings import Settings


def part(settings: Settings, layout: str, number: int) -> str:
    """Return the URI of one staged file, counted from 1; names sort as the rows do. `layout` names the content."""
    return f"{_input(settings, layout)}{number:05d}.csv"


def output(job: TransformFragment, number: int) -> str:
    """Return where the job's answer to a part is: a transform job adds ``.out`` to the name of its input."""
    return f"{job.output_uri}/{number:05d}.csv.out"


def manifest(watched: Watched) -> str:
    """Return the URI of the manifest of a batch's run."""
    return f"{watched.work}manifest.json"


def transform(settings: Settings, spec: BatchSpec, *, model_name: str, layout: str, run: str) -> TransformFragment:
    """Return the job.

    Parameters
    ----------
    model_name
        The SageMaker Model of the endpoint configuration that serves: image, artifact, environment, network and role
        are those of the endpoint.
    layout
        Names the staged rows.
    """
    return TransformFragment(
        model_name=model_name,
        input_uri=_input(settings, layout),
        output_uri=naming.s3_uri(settings.work_bucket, naming.batch_output_prefix(run)).rstrip("/"),
        instance_type=spec.instance_type,
        max_runtime_seconds=spec.max_runtime_seconds,
    )


def _input(settings: Settings, layout: str) -> str:
    return naming.s3_uri(settings.work_bucket, naming.batch_input_prefix(layout))
