"""Condition operators of IAM policies, as the IAM User Guide defines them ("IAM JSON policy elements: Condition").

An operator that is not in the table here is an error, never a condition that is passed over.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rehearsal.iam.errors import UnsupportedPolicy
from rehearsal.iam.patterns import matches, matches_arn

#: Looks a condition key up: its values, or None when the request has no such key.
Lookup = Callable[[str], Sequence[str] | None]
_Test = Callable[[str, str], bool]


def _same_text(wanted: str, got: str) -> bool:
    return wanted == got


def _same_text_any_case(wanted: str, got: str) -> bool:
    return wanted.lower() == got.lower()


def _number(compare: Callable[[float, float], bool]) -> _Test:
    def test(wanted: str, got: str) -> bool:
        try:
            return compare(float(got), float(wanted))
        except ValueError:
            return False

    return test


def _instant(text: str) -> float:
    try:
        return float(text)  # seconds since 1970, which IAM accepts beside ISO 8601
    except ValueError:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _date(compare: Callable[[float, float], bool]) -> _Test:
    def test(wanted: str, got: str) -> bool:
        return compare(_instant(got), _instant(wanted))

    return test


def _in_network(wanted: str, got: str) -> bool:
    return ipaddress.ip_address(got) in ipaddress.ip_network(wanted, strict=False)


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "Equals": lambda a, b: a == b,
    "LessThan": lambda a, b: a < b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanEquals": lambda a, b: a >= b,
}

#: Operator -> test of (value in the policy, value in the request).
_POSITIVE: dict[str, _Test] = {
    "StringEquals": _same_text,
    "StringEqualsIgnoreCase": _same_text_any_case,
    "StringLike": matches,
    "ArnEquals": matches_arn,
    "ArnLike": matches_arn,
    "Bool": _same_text_any_case,
    "IpAddress": _in_network,
    **{f"Numeric{name}": _number(compare) for name, compare in _COMPARISONS.items()},
    **{f"Date{name}": _date(compare) for name, compare in _COMPARISONS.items()},
}

#: Negated operator -> the operator that it negates. They are true when the key is absent.
_NEGATED: dict[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}


@dataclass(frozen=True)
class Condition:
    """One operator with one key and its wanted values. Made by `parse`."""

    key: str
    wanted: tuple[str, ...]
    quantifier: str  # "", "ForAnyValue" or "ForAllValues"
    test: _Test | None  # None for the operator Null
    negated: bool
    if_exists: bool

    def holds(self, lookup: Lookup) -> bool:
        """Whether the condition is true of a request.

        Notes
        -----
        A key that the request does not have makes a positive operator false, and a negated one, ``...IfExists`` and
        ForAllValues true; ForAnyValue is false. Wanted values are alternatives; for a negated operator, none may match.
        """
        values = lookup(self.key)
        if self.test is None:
            return (values is None) == (self.wanted[0].lower() == "true")
        if values is None or (self.quantifier and not values):
            return self.quantifier != "ForAnyValue" and (
                self.negated or self.if_exists or self.quantifier == "ForAllValues"
            )
        if self.quantifier == "ForAllValues":
            return all(self._holds_for(value) for value in values)
        if self.quantifier == "ForAnyValue" or not self.negated:
            return any(self._holds_for(value) for value in values)
        return all(self._holds_for(value) for value in values)

    def _holds_for(self, value: str) -> bool:
        assert self.test is not None
        return any(self.test(wanted, value) for wanted in self.wanted) != self.negated


def parse(block: object, where: str) -> tuple[Condition, ...]:
    """Read the Condition element of a statement; `where` names the statement in errors.

    Raises
    ------
    UnsupportedPolicy
        For an operator that is not known, a value of a wrong type, or a policy variable (``${...}``).
    """
    if not isinstance(block, dict):
        raise UnsupportedPolicy(f"{where}: Condition must be an object, got {type(block).__name__}")
    found = []
    for operator, keys in block.items():
        if not isinstance(keys, dict):
            raise UnsupportedPolicy(f"{where}: condition operator {operator} must hold an object of keys")
        for key, value in keys.items():
            found.append(_condition(operator, str(key), value, where))
    return tuple(found)


def _condition(operator: str, key: str, value: object, where: str) -> Condition:
    quantifier, _, rest = operator.rpartition(":")
    if_exists = rest.endswith("IfExists")
    name = rest.removesuffix("IfExists")
    if quantifier not in ("", "ForAnyValue", "ForAllValues"):
        raise UnsupportedPolicy(f"{where}: unknown condition operator {operator!r}")
    wanted = _texts(value, f"{where}: condition key {key}")
    if name == "Null":
        return Condition(key.lower(), wanted, quantifier, None, negated=False, if_exists=if_exists)
    positive = _NEGATED.get(name, name)
    if positive not in _POSITIVE:
        raise UnsupportedPolicy(f"{where}: the rehearsal does not know condition operator {operator!r}")
    return Condition(key.lower(), wanted, quantifier, _POSITIVE[positive], name in _NEGATED, if_exists)


def _texts(value: object, where: str) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    texts = []
    for item in items:
        if isinstance(item, bool):
            texts.append("true" if item else "false")
        elif isinstance(item, str | int | float):
            texts.append(str(item))
        else:
            raise UnsupportedPolicy(f"{where}: a value must be a string, number or boolean, got {item!r}")
        if "${" in texts[-1]:
            raise UnsupportedPolicy(f"{where}: the rehearsal does not know policy variables, got {texts[-1]!r}")
    return tuple(texts)
