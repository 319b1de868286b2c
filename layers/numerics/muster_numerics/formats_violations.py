"""constraint_violations.json, Model Monitor's report ("Schema for violations", developer guide), of a decision.

The kinds of check are Model Monitor's; the descriptions are the decision's reasons, which say more than its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from muster_numerics.decide import ColumnResult, Decision
from muster_numerics.findings import Finding

Check = Literal[
    "data_type_check",
    "completeness_check",
    "baseline_drift_check",
    "missing_column_check",
    "extra_column_check",
    "categorical_values_check",
]
CHECKS = (
    "data_type_check",
    "completeness_check",
    "baseline_drift_check",
    "missing_column_check",
    "extra_column_check",
    "categorical_values_check",
)


@dataclass(frozen=True)
class Violation:
    """One column and check. Words of controlled fields are digests in the description, as they are in the counts."""

    feature_name: str
    constraint_check_type: Check
    description: str


def violations(decision: Decision) -> tuple[Violation, ...]:
    """Return the violations of a window: what is wrong with its data, then the columns that drifted.

    Warnings are none, and nothing is one when nothing was decided.
    """
    checks: dict[str, Check] = {
        "missing_column": "missing_column_check",
        "extra_column": "extra_column_check",
        "data_type": "data_type_check",
    }
    data = (Violation(found.column, checks[found.kind], found.text) for found in decision.quality)
    drifted = (each for name, result in decision.columns.items() for each in drift_of(name, result))
    return (*data, *drifted)


def drift_of(name: str, result: ColumnResult) -> Iterator[Violation]:
    """Yield a violation for each finding that made a column drift."""
    if result.verdict != "drift":
        return
    material = (finding for finding in result.comparison.findings if finding.material)
    for finding, reason in zip(material, result.reasons, strict=False):  # the sure ones come first
        yield Violation(name, check_of(finding), reason)


def check_of(finding: Finding) -> Check:
    """Return which of Model Monitor's checks a finding is."""
    if finding.kind == "missing" and finding.after > finding.before:
        return "completeness_check"
    return "categorical_values_check" if finding.kind == "new_levels" else "baseline_drift_check"


def to_json(found: tuple[Violation, ...]) -> dict[str, Any]:
    """Return the content of constraint_violations.json."""
    return {"violations": [dict(vars(each)) for each in found]}


def from_json(found: Mapping[str, Any]) -> tuple[Violation, ...]:
    """Read constraint_violations.json; ValueError names what is missing or not known."""
    listed = found.get("violations")
    if not isinstance(listed, list):
        raise ValueError(f"constraint_violations.json: violations: found {type(listed).__name__}, wanted a list")  # noqa: TRY004
    read = []
    for index, each in enumerate(listed):
        match each:
            case {"feature_name": str(name), "constraint_check_type": str(kind), "description": str(text)}:
                pass
            case _:
                wanted = "feature_name, constraint_check_type and description"
                raise ValueError(f"constraint_violations.json: violation {index}: wanted {wanted}")
        if kind not in CHECKS:
            raise ValueError(
                f"constraint_violations.json: violation {index}: constraint_check_type: found {kind!r}, wanted one of "
                f"{', '.join(CHECKS)}"
            )
        read.append(Violation(name, kind, text))  # type: ignore[arg-type]
    return tuple(read)
