"""What a spec says about watching a model: capture, drift, quality with later labels, retraining.

Every member has a default, so that specs published before Muster watched anything stay what they were.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from muster.contracts.base import Contract, Fraction, Items
from muster.contracts.spec_terms import Column, InstanceType, ProcessingSeconds


class CaptureSpec(Contract):
    """Data capture at the endpoint: off unless asked for.

    ``controlled_fields`` are the columns whose values may appear in no report, metric, quarantine or log; an empty list
    says that there are none. Nothing is captured before that is said: publishing refuses such a spec, and one that was
    published before Muster asked deploys with capture off.
    """

    enabled: bool = False
    sampling_percent: Annotated[int, Field(ge=0, le=100)] = 100
    controlled_fields: Items[Column] | None = None

    @property
    def active(self) -> bool:
        """Whether the endpoint captures."""
        return self.enabled and self.controlled_fields is not None


class ConfirmationSpec(Contract):
    """From windows to episodes: ``drifting`` of the last ``among`` windows open one, ``quiet`` in a row close it.

    One window whose data are broken opens an episode at once.
    """

    drifting: Annotated[int, Field(ge=1)] = 2
    among: Annotated[int, Field(ge=1)] = 3
    quiet: Annotated[int, Field(ge=1)] = 3

    @model_validator(mode="after")
    def _as_many_windows_as_needed(self) -> "ConfirmationSpec":
        if self.drifting > self.among:
            raise ValueError(f"found drifting {self.drifting}, wanted at most among ({self.among})")
        return self


class QualitySpec(Contract):
    """Model quality, once the truth is known: judged over answers that are at least ``delay_hours`` old."""

    min_rows: Annotated[int, Field(ge=50)] = 200
    delay_hours: Annotated[int, Field(ge=0, le=2160)] = 24
    window_hours: Annotated[int, Field(ge=1, le=720)] = 24
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class AttributionSpec(Contract):
    """Attribution drift: ``explain_fn`` of the model on a sample of captured rows, in a Processing job.

    ``min_ndcg`` is the least agreement with the baseline's ranking (Clarify alarmed below 0.9).
    """

    rows: Annotated[int, Field(ge=50, le=10_000)] = 500
    min_ndcg: Fraction = 0.9
    instance_type: InstanceType
    max_runtime_seconds: ProcessingSeconds


TRANSFORM_FAMILIES = ("c4", "c5", "c6i", "c7i", "m4", "m5", "m6i", "m7i", "p2", "p3", "r6i", "r7i")
"""Instances that CreateTransformJob takes (botocore's service model), without those that have disks of their own: their
volumes take no key (API reference, TransformResources.VolumeKmsKeyId)."""


class BatchSpec(Contract):
    """Batch inference, and what becomes of the predictions of a batch whose input has drifted.

    ``max_runtime_seconds`` bounds the transform job from its creation on: capacity and start are in it.
    """

    on_drift: Literal["flag", "withhold"] = "flag"
    instance_type: InstanceType = "ml.m5.large"
    max_runtime_seconds: ProcessingSeconds = 3600

    @model_validator(mode="after")
    def _transform_jobs_run_on_it(self) -> "BatchSpec":
        if self.instance_type.split(".")[1] not in TRANSFORM_FAMILIES:
            families = ", ".join(f"ml.{each}.*" for each in TRANSFORM_FAMILIES)
            raise ValueError(f"found {self.instance_type}, wanted one that transform jobs run on: {families}")
        return self


class NightlySpec(Contract):
    """Nightly evaluation: how fast the frozen holdouts are sent to the production endpoint."""

    requests_per_second: Annotated[float, Field(gt=0, le=100)] = 5.0
    rows_per_request: Annotated[int, Field(ge=1, le=500)] = 20


class MonitoringSpec(Contract):
    """How the model is watched.

    Attributes
    ----------
    categorical
        Columns of numbers that are names (codes of a site, of a product).
    time_ordered
        The training rows are in the order in which they came about: correlation in time can then be allowed for.
    min_rows
        Rows of a window below which nothing is decided.
    max_poison_share
        Share of unreadable records above which a window is inconclusive.
    max_window_hours
        Windows with too few rows are joined with the next, up to this length.
    late_hours
        How far back the planner looks for captured files that came late.
    facets
        Columns whose groups should be treated alike: bias is measured over them on live data.
    attribution
        Attribution drift; None: not computed.
    """

    categorical: Items[Column] = ()
    time_ordered: bool = False
    min_rows: Annotated[int, Field(ge=50)] = 200
    max_poison_share: Fraction = 0.05
    max_window_hours: Annotated[int, Field(ge=1, le=168)] = 24
    late_hours: Annotated[int, Field(ge=0, le=48)] = 3
    confirmation: ConfirmationSpec = ConfirmationSpec()
    quality: QualitySpec = QualitySpec()
    facets: Items[Column] = ()
    attribution: AttributionSpec | None = None
    batch: BatchSpec = BatchSpec()
    nightly: NightlySpec = NightlySpec()


class RetrainingSpec(Contract):
    """How often retraining may start, and on what.

    ``weekly_budget`` counts the last seven days; None: seven times the daily one. ``require_new_data``: no retraining,
    unless forced, on the same labelled data as the model that serves.
    """

    cooldown_seconds: Annotated[int, Field(ge=0)]
    daily_budget: Annotated[int, Field(ge=0)]
    weekly_budget: Annotated[int, Field(ge=0)] | None = None
    require_new_data: bool = True
