"""The evidence document: R1's eight facts, canonical, and unchangeable under its digest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster import digests, evidence
from muster.contracts.base import parse
from muster.contracts.evaluation import EvaluationResult
from muster.contracts.evidence import Evidence
from muster.errors import ContractError, DigestMismatch, Refused
from tests.unit import samples

RESULT = {
    "verdict": "passed",
    "reasons": ["reference: auc 0.985 …"],
    "report_uri": "s3://muster-evidence/reports/tumour/0123456789abcdef0123/report.html",
    "report_digest": samples.digest("1"),
    "evaluation_uri": "s3://muster-evidence/reports/tumour/0123456789abcdef0123/evaluation.json",
    "evaluation_digest": samples.digest("2"),
    "primary": {"metric": "auc", "candidate": 0.985, "champion": None},
    "champion_package_arn": None,
    "holdouts": {"reference": samples.digest("8")},
}


def assemble(run=None, result=RESULT, spec=None) -> Evidence:
    return evidence.assemble(
        run or samples.run(),
        samples.training_result(),
        parse(EvaluationResult, result),
        spec or samples.spec(),
        policy_digest=samples.digest("3"),
        ledger_table="muster-ledger",
        endpoint="muster-tumour",
    )


def test_the_eight_facts_of_r1_are_there():
    found = json.loads(evidence.document(assemble())[0])
    run, training = samples.run(), samples.training_result()
    # 1 artifact URI with version and digest
    assert found["artifact"] == {
        "uri": training.artifact.uri,
        "digest": training.artifact.digest,
        "bytes": 1000,
        "version_id": "v1",
    }
    # 2 training job and input manifest
    assert found["training"]["job_arn"] == training.training_job.arn
    assert found["training"]["input_manifest_uri"] == training.snapshot.manifest_uri
    assert found["training"]["input_manifest_digest"] == training.snapshot.digest
    # 3 commit, 4 image digest, 5 data version
    assert found["code"]["commit"] == run.commit
    assert found["image"]["digest"] == run.image_digest
    assert found["data"]["digest"] == training.snapshot.digest
    # 6 evaluation results
    assert found["evaluation"]["evaluation_digest"] == RESULT["evaluation_digest"]
    assert found["evaluation"]["policy_digest"] == samples.digest("3")
    # 7 approval state and approver, 8 deployment history: where they will be
    for fact, key in (
        ("approval", "PACKAGE#<package arn> / APPROVAL"),
        ("deployment_history", "ENDPOINT#muster-tumour / LIVE"),
    ):
        assert "recorded in the ledger after this document, under the evidence digest" in found[fact]["statement"]
        assert found[fact]["table"] == "muster-ledger"
        assert key in found[fact]["keys"]


def test_a_document_with_a_baseline_names_it_and_one_without_does_not():
    # Given evidence as it was written before there were baselines, then its bytes and so its digest stay what they were
    data, digest = evidence.document(assemble())
    assert b'"baseline"' not in data
    assert evidence.read(data, digest).baseline is None
    # Given evidence with one, then it is read back to the same bytes
    data, digest = evidence.document(assemble().model_copy(update={"baseline": samples.baseline_ref()}))
    assert evidence.read(data, digest).baseline == samples.baseline_ref()
    assert json.loads(data)["baseline"] == samples.baseline_ref().payload()
    # and nobody can hide one by writing null in its place
    data = json.dumps(json.loads(data) | {"baseline": None}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with pytest.raises(DigestMismatch, match="not canonical"):
        evidence.read(data.encode(), digests.sha256(data.encode()))


def test_what_reproduces_and_explains_the_model_is_there_too():
    found = assemble()
    assert found.training.hyperparameters == {"max_depth": "3", "seed": "7", "shuffle_seed": "11"}
    assert found.training.seeds == {"seed": "7", "shuffle_seed": "11"}
    assert found.card.ai_rmf_functions == ("GOVERN 1.6", "MEASURE 2.3")
    assert found.code.publisher == "paula"
    assert (found.image.framework, found.image.version) == ("sagemaker-xgboost", "3.0-5")


def test_the_digest_is_of_the_canonical_bytes():
    data, digest = evidence.document(assemble())
    assert data == digests.canonical(json.loads(data))
    assert digest == digests.sha256(data)
    assert evidence.read(data, digest) == assemble()


@pytest.mark.parametrize("verdict", ["failed_gate", "kept_champion"])
def test_nothing_is_registered_that_has_not_passed(verdict):
    with pytest.raises(Refused, match=f"found {verdict}, wanted passed"):
        assemble(result={**RESULT, "verdict": verdict})


def test_spec_and_run_belong_together():
    with pytest.raises(ContractError, match="found model other, wanted tumour"):
        assemble(spec=samples.spec(name="other"))


def test_a_document_that_is_not_the_one_meant_is_refused():
    data, digest = evidence.document(assemble())
    with pytest.raises(DigestMismatch, match=r"evidence\.json: found sha256"):
        evidence.read(data + b" ", digest)
    pretty = json.dumps(json.loads(data), indent=1).encode()
    with pytest.raises(DigestMismatch, match="not canonical"):
        evidence.read(pretty, digests.sha256(pretty))
    for other in (b"no json", b"{}"):
        with pytest.raises(ContractError, match=r"evidence\.json: "):
            evidence.read(other, digests.sha256(other))


@given(st.integers(0), st.sampled_from([b"0", b"x", b"9"]))
def test_every_changed_byte_is_noticed(position, byte):
    data, digest = evidence.document(assemble())
    position %= len(data)
    changed = data[:position] + byte + data[position + 1 :]
    if changed != data:
        with pytest.raises(DigestMismatch):
            evidence.read(changed, digest)
