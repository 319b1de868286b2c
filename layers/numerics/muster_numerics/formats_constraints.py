"""constraints.json: what Model Monitor holds a data set against ("Schema for constraints", developer guide).

Muster writes what the baseline suggests, and reads what people have changed. AWS's page spells a feature's own
settings `monitoringConfigOverrides`, the SageMaker Python SDK `monitoring_config_overrides`: both are read, the
latter is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from muster_numerics.baseline import Baseline, Profile
from muster_numerics.counts import NumericCounts
from muster_numerics.formats_statistics import VERSION, inferred_type
from muster_numerics.grid import CategoricalGrid
from muster_numerics.redaction import Redaction

InferredType = Literal["Integral", "Fractional", "String", "Unknown"]
TYPES = ("Integral", "Fractional", "String", "Unknown")
OVERRIDES = ("monitoring_config_overrides", "monitoringConfigOverrides")
MONITORING = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1,
        "categorical_drift_method": "LInfinity",
    },
}
"""As the managed container wrote it. Muster decides by its own rules (`muster_numerics.decide`); this is for others."""


@dataclass(frozen=True)
class Constraint:
    """What is expected of a column.

    Attributes
    ----------
    name, inferred_type
        The column and Model Monitor's name for its type.
    completeness
        Share of rows with a value, 0 to 1.
    non_negative
        Of numbers: whether none may be below 0; None if that is not said.
    domains
        Of words: those allowed; None if that is not said.
    overrides
        Settings of this column alone, as in `Constraints.monitoring`.
    """

    name: str
    inferred_type: InferredType
    completeness: float
    non_negative: bool | None = None
    domains: tuple[str, ...] | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Constraints:
    """The columns' constraints, and how they are to be checked."""

    features: tuple[Constraint, ...]
    monitoring: Mapping[str, Any] = field(default_factory=lambda: MONITORING)


def suggested(baseline: Baseline, redaction: Redaction) -> Constraints:
    """Return what a baseline suggests. Of a controlled number nothing is said about its values."""
    columns = baseline.columns.items()
    return Constraints(tuple(constraint(name, each, name in redaction.controlled) for name, each in columns))


def constraint(name: str, profile: Profile, masked: bool) -> Constraint:
    """Return what one column of a baseline suggests."""
    cut, counts = profile.grid, profile.counts
    kind: Any = inferred_type(cut, counts)
    completeness = 1 - counts.missing / counts.rows if counts.rows else 0.0
    if isinstance(counts, NumericCounts):
        known = counts.low is not None and not masked
        return Constraint(
            name, kind, completeness, non_negative=counts.low >= 0 if known and counts.low is not None else None
        )
    complete = isinstance(cut, CategoricalGrid) and cut.complete
    return Constraint(
        name, kind, completeness, domains=cut.levels if complete and isinstance(cut, CategoricalGrid) else None
    )


def to_json(constraints: Constraints) -> dict[str, Any]:
    """Return the content of constraints.json."""
    features = []
    for each in constraints.features:
        said: dict[str, Any] = {
            "name": each.name,
            "inferred_type": each.inferred_type,
            "completeness": each.completeness,
        }
        if each.non_negative is not None:
            said["num_constraints"] = {"is_non_negative": each.non_negative}
        if each.domains is not None:
            said["string_constraints"] = {"domains": list(each.domains)}
        if each.overrides:
            said[OVERRIDES[0]] = dict(each.overrides)
        features.append(said)
    return {"version": VERSION, "features": features, "monitoring_config": dict(constraints.monitoring)}


def from_json(found: Mapping[str, Any]) -> Constraints:
    """Read constraints.json.

    Raises
    ------
    ValueError
        Names the first feature and field that is missing or of another form.
    """
    features = found.get("features")
    if not isinstance(features, list):
        raise ValueError(f"constraints.json: features: found {type(features).__name__}, wanted a list")  # noqa: TRY004
    read = tuple(feature_from_json(index, each) for index, each in enumerate(features))
    return Constraints(read, found.get("monitoring_config", MONITORING))


def feature_from_json(index: int, found: Any) -> Constraint:  # noqa: ANN401 - any JSON
    """Read one feature; ValueError names what is wrong with it."""
    match found:
        case {"name": str(name), "inferred_type": kind, "completeness": int() | float() as share}:
            where = f"constraints.json: feature {name}"
        case _:
            raise ValueError(f"constraints.json: feature {index}: wanted name, inferred_type and completeness")
    if kind not in TYPES:
        raise ValueError(f"{where}: inferred_type: found {kind!r}, wanted one of {', '.join(TYPES)}")
    if not 0 <= share <= 1:
        raise ValueError(f"{where}: completeness: found {share}, wanted 0 to 1")
    spelled = [found[key] for key in OVERRIDES if key in found]
    if len(spelled) > 1:
        raise ValueError(f"{where}: found {' and '.join(OVERRIDES)}, wanted one of them: keep the one that holds")
    domains = found.get("string_constraints", {}).get("domains")
    return Constraint(
        name,
        kind,
        float(share),
        found.get("num_constraints", {}).get("is_non_negative"),
        None if domains is None else tuple(str(word) for word in domains),
        spelled[0] if spelled else {},
    )
