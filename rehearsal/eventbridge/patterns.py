"""Event patterns: moto's filters, with arrays of objects as EventBridge matches them, and no unknown filter.

moto does not look into arrays of objects, such as the metrics of an alarm's event, and takes a filter that it does not
know for a match. After the EventBridge User Guide, "Creating Amazon EventBridge event patterns".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.events.models import EventPattern

#: Stands for a field that an event does not have (null is a value).
ABSENT: Any = object()

FILTERS = frozenset(
    ["anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"]
)  # fmt: skip


def matches(pattern: EventPattern, event: dict[str, Any]) -> bool:
    """Whether an event matches a rule's pattern, as moto keeps it."""
    return _object(pattern.get_pattern(), event)


def _object(pattern: dict[str, Any], value: dict[str, Any]) -> bool:
    """Whether an object has all fields of a pattern; of an array of objects, one must have them by itself."""
    return all(
        any(_object(each, value) for each in wanted) if key == "$or" else _field(wanted, value.get(key, ABSENT))
        for key, wanted in pattern.items()
    )


def _field(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, dict):
        objects = [each for each in _items(value) if isinstance(each, dict)]
        return any(_object(wanted, each) for each in objects or [{}])
    return _leaf(wanted, value)


def _leaf(filters: list[Any], value: Any) -> bool:
    """Whether a value passes one of the filters; an object, and an array of them, is no value."""
    from moto.events.models import UNDEFINED, EventPattern

    values = [each for each in _items(value) if not isinstance(each, dict) and each is not ABSENT]
    item = values if values else UNDEFINED
    for wanted in filters:
        if isinstance(wanted, dict):
            if EventPattern._does_item_match_named_filter(item, wanted):
                return True
        elif any(_same(wanted, each) for each in values):
            return True
    return False


def _same(wanted: Any, value: Any) -> bool:
    """Equal, and not a number that Python takes for a truth value."""
    return isinstance(wanted, bool) == isinstance(value, bool) and bool(wanted == value)


def _items(value: Any) -> Iterator[Any]:
    """Yield a value, or what an array holds, arrays in it included."""
    if isinstance(value, list):
        for each in value:
            yield from _items(each)
    else:
        yield value


def unknown_filter(pattern: Any) -> str | None:
    """Return the name of a filter that EventBridge does not know, if a pattern has one."""
    for key, wanted in pattern.items():
        if isinstance(wanted, dict) or key == "$or":
            for each in wanted if key == "$or" else [wanted]:
                found = unknown_filter(each)
                if found is not None:
                    return found
        else:
            for each in wanted:
                if isinstance(each, dict) and set(each) - FILTERS:
                    return sorted(set(each) - FILTERS)[0]
    return None
