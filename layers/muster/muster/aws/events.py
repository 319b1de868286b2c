"""Events: what arrives from EventBridge, and what goes to Muster's own bus."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from muster.aws.clients import Client, client
from muster.contracts.base import Contract, Time, parse
from muster.contracts.events import SOURCE
from muster.errors import ContractError, Transient
from muster.settings import Settings


@dataclass(frozen=True)
class Envelope:
    """An event as EventBridge delivers it to a function. What it says is a hint; the handler looks for itself."""

    detail_type: str
    time: datetime
    detail: dict[str, Any]


class _Moment(Contract):
    time: Time


def envelope(event: Mapping[str, Any], *detail_types: str) -> Envelope:
    """Read the envelope of an event.

    Raises
    ------
    ContractError
        It is not an EventBridge event of one of these types.
    """
    found, detail = event.get("detail-type"), event.get("detail")
    if found not in detail_types or not isinstance(detail, Mapping):
        raise ContractError(f"event: found detail-type {found!r}, wanted {' or '.join(detail_types)} with its detail")
    moment = parse(_Moment, {"time": event.get("time")}, "event")
    return Envelope(str(found), moment.time, dict(detail))


class EventBus:
    """Puts events; an entry that EventBridge did not take is an error, not a shrug."""

    def __init__(self, events: Client, bus: str) -> None:
        self._events = events
        self._bus = bus

    @classmethod
    def of(cls, settings: Settings) -> "EventBus":
        """Return the bus of an installation."""
        return cls(client("events"), settings.event_bus)

    def put(self, detail_type: str, detail: Contract) -> str:
        """Put one event and return its id.

        Raises
        ------
        Transient
            When EventBridge answered, but did not take the entry (PutEvents succeeds with ``FailedEntryCount``).
        """
        entry = {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail.payload()),
        }
        answer = self._events.put_events(Entries=[entry])
        result = answer["Entries"][0]
        if answer.get("FailedEntryCount"):
            raise Transient(
                f"PutEvents: {result.get('ErrorCode')}: {result.get('ErrorMessage')} for {detail_type} on {self._bus}"
            )
        return str(result["EventId"])
