"""Controlled fields: their values are nowhere but in the columns' counts."""

import io
import json

import numpy as np
import pytest

from muster_numerics import formats_constraints, formats_violations
from muster_numerics.baseline import make_baseline, to_json
from muster_numerics.capture import read_capture
from muster_numerics.capture_schema import CaptureSchema, Field
from muster_numerics.columns import Categorical, Numeric
from muster_numerics.decide import decide, decision_to_json
from muster_numerics.formats_statistics import statistics
from muster_numerics.redaction import Redaction, redacted
from muster_numerics.sketch import observe, state_to_json
from tests.numerics.capture_records import SCHEMA, record

KEY = b"0123456789abcdef"
REDACTION = Redaction(frozenset({"density", "age"}), KEY)


def test_words_become_digests_that_still_compare():
    # Given a controlled column of words in two chunks, and one that is not controlled
    one = {"density": Categorical.of(["low", "high", None]), "site": Categorical.of(["low", "x", "y"])}
    other = {"density": Categorical.of(["high"]), "site": Categorical.of(["x"])}
    # When they are redacted
    first, second = redacted(one, REDACTION), redacted(other, REDACTION)
    # Then one word has one digest in both, missing values stay, and the other column is as it was
    assert first["density"].values[1] == second["density"].values[0]
    assert first["density"].values[2] is None
    assert first["site"].values == ["low", "x", "y"]
    assert all(len(word) == 13 and word.startswith("#") for word in first["density"].values[:2])


def test_digests_depend_on_key_and_column():
    others = {
        Redaction(frozenset({"a"}), b"f" * 16).word("a", "low"),
        REDACTION.word("b", "low"),
        REDACTION.word("a", "low"),
    }
    assert len(others) == 3
    assert REDACTION.word("a", "bc") != REDACTION.word("ab", "c")


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 65])
def test_a_key_is_wanted(key):
    with pytest.raises(ValueError, match="wanted 16 to 64"):
        Redaction(frozenset({"a"}), key)
    assert Redaction().controlled == frozenset()


def test_the_key_is_not_shown():
    assert "0123456789abcdef" not in repr(REDACTION)


def test_no_value_of_a_controlled_field_reaches_a_report():
    # Given a baseline with controlled words and numbers, and a captured window in which both moved, with poison
    chance = np.random.default_rng(1)
    baseline = make_baseline(
        redacted(
            {
                "age": Numeric.of(chance.normal(70_000.125, 1, 4000)),
                "density": Categorical.of(chance.choice(["sparseword", "denseword"], 4000).tolist()),
                "margin": Numeric.of(chance.normal(size=4000)),
            },
            REDACTION,
        )
    )
    ages = chance.normal(70_004.625, 1, 600).tolist()
    lines = [record(f"{age},{'newword' if age > 70_005 else 'denseword'},0.5") for age in ages]
    lines += [record("70004.25,sparseword"), '{"sparseword', ""]
    schema = CaptureSchema(SCHEMA.features, (Field("score"),), controlled=REDACTION.controlled)
    poison: list = []
    # When it is read, counted, decided and reported
    (batch,) = read_capture([("f", io.BytesIO("\n".join(lines).encode()))], schema, poison.append)
    window = observe(redacted(batch.features, REDACTION), baseline.grid, batch.tally.poisoned)
    decision = decide(window, baseline)
    said = {
        "violations": formats_violations.to_json(formats_violations.violations(decision)),
        "statistics": statistics(baseline.grid, window.columns, window.rows, REDACTION),
        "constraints": formats_constraints.to_json(formats_constraints.suggested(baseline, REDACTION)),
        "quarantine": [each.as_json() for each in poison],
        "decision": decision_to_json(decision),
    }
    # Then both columns drifted, and no report holds a word or a number of theirs
    assert decision.verdict == "drift"
    assert {each["feature_name"] for each in said["violations"]["violations"]} >= {"age", "density"}
    assert len(poison) == 2
    text = json.dumps(said)
    assert not any(word in text for word in ("sparseword", "denseword", "newword", "7000"))
    # Nor do the baseline and the state hold a word
    assert not any(
        word in json.dumps([to_json(baseline), state_to_json(window)]) for word in ("sparse", "dense", "newword")
    )
