"""The documents that handlers read before they ask a rule: spec, policy, a package's evidence, its baseline."""

import json
from functools import lru_cache
from pathlib import Path

import yaml

from muster import digests, evidence
from muster.aws.s3 import ObjectStore
from muster.contracts.base import parse
from muster.contracts.documents import BaselineRef
from muster.contracts.evidence import Evidence
from muster.contracts.monitoring import BaselineDocument
from muster.contracts.policy import Policy
from muster.contracts.spec import ModelSpec
from muster.errors import ContractError

POLICY_FILE = Path(__file__).resolve().parent.parent / "policy.yaml"


def spec_of(store: ObjectStore, uri: str, digest: str) -> ModelSpec:
    """Return a published spec, exactly the one with this digest."""
    return parse(ModelSpec, json_of(store.read_pinned(uri, digest), uri), uri)


def evidence_of(store: ObjectStore, uri: str, digest: str) -> Evidence:
    """Return an evidence document, exactly the one with this digest."""
    return evidence.read(store.read(uri), digest)


def baseline_of(store: ObjectStore, ref: BaselineRef) -> BaselineDocument:
    """Return a sealed baseline, exactly the one with this digest. What reads traffic by it: `muster_numerics.reference`."""
    uri = ref.baseline.uri
    return parse(BaselineDocument, json_of(store.read_pinned(uri, ref.baseline.digest), uri), uri)


def redaction_key_of(store: ObjectStore, document: BaselineDocument) -> bytes:
    """Return the key that a baseline's controlled words were digested with; empty when nothing is controlled."""
    key = document.redaction_key
    return store.read_pinned(key.uri, key.digest) if key else b""


def json_of(data: bytes, what: str) -> object:
    """Decode JSON.

    Raises
    ------
    ContractError
        Names the object that is no JSON.
    """
    try:
        decoded: object = json.loads(data)
    except ValueError as error:
        raise ContractError(f"{what}: found no JSON ({error}), wanted a JSON document") from error
    return decoded


@lru_cache(maxsize=1)
def policy() -> tuple[Policy, str]:
    """Return the platform's floor as it was deployed with the layer, and its digest."""
    data = POLICY_FILE.read_bytes()
    return parse(Policy, yaml.safe_load(data), "policy.yaml"), digests.sha256(data)
