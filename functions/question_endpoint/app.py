"""Asks a production endpoint the frozen holdouts, no faster than the spec says, and writes down what it answers.

``{nightly, asked} -> Asked``; status ``more`` when time is up before the rows are: called again, it goes on there.

Every turn keeps its answers, so that one which is repeated repeats nothing else. The endpoint's failure is an outcome, not
an error. What was asked and answered is in no log and no reason.
"""

import time

from muster import digests, nightly, rollout
from muster.aws.clients import translated
from muster.aws.documents import json_of
from muster.aws.endpoints import Serving
from muster.aws.s3 import ObjectStore
from muster.contracts.base import Contract, parse
from muster.contracts.evaluation import HoldoutKind, HoldoutManifest
from muster.contracts.nightly import Answers, Asked, AskedHoldout, Nightly
from muster.errors import DataRefused, Transient
from muster.naming import VARIANT
from muster.runtime import Event, entry, settings

_CONTENT_TYPE = "text/csv"
_MOVING = ("Creating", "Updating", "RollingBack", "Deleting")
_Rows = dict[HoldoutKind, tuple[list[str], list[list[str]]]]


class Input(Contract):
    """The function's event; ``asked`` is the last turn's answer."""

    nightly: Nightly
    asked: Asked | None = None


class Unavailable(Exception):
    """The endpoint does not answer as it should."""


@entry
def handler(event: Event) -> Asked:
    """Look what serves, ask until time is up, look again; at the end write the predictions."""
    given = parse(Input, event, "question_endpoint")
    subject, store, serving = given.nightly, ObjectStore.of(settings()), Serving()
    before = given.asked or Asked(status="more")
    asked = _look(before.model_copy(update={"turn": before.turn + 1}), subject, serving)
    if asked.status != "more":
        return asked
    rows = {kind: _rows(kind, each, store) for kind, each in subject.holdouts.items()}
    try:
        answers, retried = _turn(asked.next, subject, rows, serving)
    except Unavailable as error:
        return asked.model_copy(update={"status": "unavailable", "reason": str(error)})
    _put(store, f"{subject.work}parts/{answers.first}.json", digests.canonical(answers), "application/json")
    asked = _look(asked.model_copy(update={"next": answers.end, "retried": asked.retried + retried}), subject, serving)
    if asked.status != "more":
        return asked
    if asked.next < subject.requests:
        return asked
    files = nightly.predictions_of(subject, {kind: ids for kind, (ids, _) in rows.items()}, _parts(subject, store))
    for kind, text in files.items():
        _put(store, f"{subject.predictions}{kind}.csv", text.encode(), _CONTENT_TYPE)
    return asked.model_copy(update={"status": "answered", "reason": f"{subject.requests} requests answered"})


def _look(asked: Asked, subject: Nightly, serving: Serving) -> Asked:
    """Say whether the endpoint serves, and still serves what it did at the first look."""
    described = serving.endpoint(subject.endpoint)
    if described is None:
        reason = f"endpoint {subject.endpoint}: found none, wanted the one that the ledger says serves"
        return asked.model_copy(update={"status": "unavailable", "reason": reason})
    facts = rollout.endpoint_facts(described)
    first = asked.config_name or facts.config_name
    if facts.status in _MOVING or facts.config_name != first:
        reason = f"endpoint {subject.endpoint}: found it {facts.status}, with configuration {facts.config_name} after {first}"
        return asked.model_copy(update={"status": "changing", "reason": f"{reason}: the next night judges"})
    return asked.model_copy(update={"config_name": first})


def _rows(kind: HoldoutKind, holdout: AskedHoldout, store: ObjectStore) -> tuple[list[str], list[list[str]]]:
    uri = f"{holdout.uri}manifest.json"
    manifest = parse(HoldoutManifest, json_of(store.read_pinned(uri, holdout.digest), uri), f"{kind} holdout")
    uri = f"{holdout.uri}features.csv"
    ids, rows = nightly.read_rows(store.read_pinned(uri, manifest.features_sha256), uri)
    if len(ids) != holdout.rows:
        raise DataRefused(f"{uri}: found {len(ids)} rows, wanted the {holdout.rows} of its manifest")
    return ids, rows


def _turn(first: int, subject: Nightly, rows: _Rows, serving: Serving) -> tuple[Answers, int]:
    """Return the answers of one turn, and how many requests were sent again.

    Raises
    ------
    Unavailable
        A request has no usable answer.
    """
    began, lines, retried, number = time.monotonic(), [], 0, first
    for number, request in list(enumerate(nightly.requests(subject.holdouts, subject.rows_per_request)))[first:]:
        ahead = (number - first) / subject.requests_per_second - (time.monotonic() - began)
        time.sleep(max(ahead, 0.0))
        if number > first and time.monotonic() - began > nightly.TURN_SECONDS:
            break
        sent = rows[request.kind][1][request.start : request.end]
        body, again = _ask(number, nightly.body_of(sent), began, subject, serving)
        retried += again
        try:
            lines += nightly.read_answer(body, len(sent), subject)
        except DataRefused as error:
            raise Unavailable(f"endpoint {subject.endpoint}, answer to request {number + 1}: {error}") from error
    else:
        number += 1
    return Answers(first=first, end=number, lines=tuple(tuple(each) for each in lines)), retried


def _ask(number: int, body: str, began: float, subject: Nightly, serving: Serving) -> tuple[str, int]:
    """Return the answer to a request, and how often it was sent again."""
    for again, pause in enumerate((*nightly.PAUSES, None)):
        try:
            with translated():
                what = f"nightly-{subject.run}-{number}"
                status, answer = serving.invoke(subject.endpoint, body, _CONTENT_TYPE, what, variant=VARIANT)
        except Transient:
            status, answer = 503, ""
        if status == 200:
            return answer, again
        passing = status >= 500 or status == 429
        if pause is None or not passing or time.monotonic() - began > nightly.TURN_SECONDS:
            break
        time.sleep(pause)
    raise Unavailable(
        f"endpoint {subject.endpoint}, request {number + 1} of {subject.requests}: found status {status} after {again + 1} "
        f"tries, wanted an answer: the log group /aws/sagemaker/Endpoints/{subject.endpoint} may say why"
    )


def _parts(subject: Nightly, store: ObjectStore) -> list[Answers]:
    """Return the answers of all turns, each beginning where the one before ended."""
    found: list[Answers] = []
    while (at := found[-1].end if found else 0) < subject.requests:
        uri = f"{subject.work}parts/{at}.json"
        found.append(parse(Answers, json_of(store.read(uri), uri), uri))
    return found


def _put(store: ObjectStore, uri: str, data: bytes, content_type: str) -> None:
    store.write(uri, data, content_type, locked=False)
