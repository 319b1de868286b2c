"""Policy documents and how several of them decide together."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from rehearsal.iam import policies
from rehearsal.iam.decisions import Policies, decide, message
from rehearsal.iam.errors import UnsupportedPolicy
from rehearsal.iam.keys import Need, lookup_for
from rehearsal.iam.policies import Answer, Who
from rehearsal.iam.principals import ServicePrincipal, Session

ACCOUNT, PARTITION = "123456789012", "aws-us-gov"
ROLE = f"arn:{PARTITION}:iam::{ACCOUNT}:role/Judge"
ROOT = f"arn:{PARTITION}:iam::{ACCOUNT}:root"
SESSION = Session(
    "ASIA", "s", "t", PARTITION, ACCOUNT, ROLE, "AROA1", "run", "lambda.amazonaws.com", None, datetime.now(UTC)
)  # fmt: skip
KEY = f"arn:{PARTITION}:kms:us-gov-west-1:{ACCOUNT}:key/k1"


def read(*statements: dict[str, Any]) -> policies.Policy:
    return policies.read(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def answer(policy: policies.Policy, action: str, resource: str = "*", who: Who = SESSION.who, **keys: Any) -> Answer:
    found = {key.replace("__", ":").replace("_", "-").lower(): value for key, value in keys.items()}
    return policy.answer(action, resource, lambda key: found.get(key), who)


# ---- actions and resources


@pytest.mark.parametrize(
    ("pattern", "action", "covered"),
    [
        ("s3:GetObject", "s3:GetObject", True),
        ("s3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:GetObjectVersion", True),
        ("s3:Get?bject", "s3:GetObject", True),
        ("*", "iam:PassRole", True),
        ("s3:GetObject", "s3:GetObjectVersion", False),
        ("s3:*", "s3express:CreateSession", False),
    ],
)
def test_actions_match_with_wildcards_and_without_case(pattern: str, action: str, covered: bool) -> None:
    assert answer(read(allow(pattern)), action).allows is covered


@pytest.mark.parametrize(
    ("pattern", "resource", "covered"),
    [
        ("arn:aws:s3:::data/*", "arn:aws:s3:::data/a/b.csv", True),
        ("arn:aws:s3:::data/*", "arn:aws:s3:::data", False),
        ("arn:aws:s3:::data", "arn:aws:s3:::Data", False),
        ("arn:aws:sagemaker:*:*:endpoint/muster-?", "arn:aws:sagemaker:r:1:endpoint/muster-a", True),
        ("arn:aws:sagemaker:*:*:endpoint/muster-?", "arn:aws:sagemaker:r:1:endpoint/muster-ab", False),
    ],
)
def test_resources_match_with_wildcards_and_with_case(pattern: str, resource: str, covered: bool) -> None:
    assert answer(read(allow("*", pattern)), "s3:GetObject", resource).allows is covered


def test_not_action_and_not_resource_cover_everything_else() -> None:
    policy = read({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "NotResource": "arn:aws:s3:::locked/*"})
    assert answer(policy, "s3:GetObject", "arn:aws:s3:::open/x").allows
    assert not answer(policy, "iam:PassRole").allows
    assert not answer(policy, "s3:GetObject", "arn:aws:s3:::locked/x").allows


# ---- conditions


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "holds"),
    [
        ("StringEquals", "a", ["a"], True),
        ("StringEquals", ["a", "b"], ["b"], True),
        ("StringEquals", "A", ["a"], False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIgnoreCase", "A", ["a"], True),
        ("StringNotEquals", ["a", "b"], ["b"], False),
        ("StringNotEquals", ["a", "b"], ["c"], True),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "data/*", ["data/x"], True),
        ("StringNotLike", "data/*", ["data/x"], False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", ["b"], False),
        ("ArnLike", "arn:aws:events:*:1:rule/x*", ["arn:aws:events:r:1:rule/xy"], True),
        ("ArnLike", "arn:aws:*:1:rule/x", ["arn:aws:events:r:1:rule/x"], False),
        ("ArnEquals", "arn:aws:states:r:1:execution:m:*", ["arn:aws:states:r:1:execution:m:n"], True),
        ("ArnNotLike", "arn:aws:events:*:1:rule/x*", ["arn:aws:events:r:1:rule/xy"], False),
        ("Bool", "true", ["true"], True),
        ("Bool", True, ["true"], True),
        ("Bool", "false", ["true"], False),
        ("Bool", "true", None, False),
        ("BoolIfExists", "true", None, True),
        ("Null", "true", None, True),
        ("Null", "true", ["x"], False),
        ("Null", "false", ["x"], True),
        ("NumericLessThanEquals", "3600", ["3600"], True),
        ("NumericGreaterThan", 10, ["10"], False),
        ("DateLessThan", "2026-01-01T00:00:00Z", ["2025-12-31T23:59:59Z"], True),
        ("IpAddress", "10.0.0.0/8", ["10.1.2.3"], True),
        ("NotIpAddress", "10.0.0.0/8", ["10.1.2.3"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["x", "b"], True),
        ("ForAnyValue:StringEquals", ["a"], None, False),
        ("ForAnyValue:StringNotEquals", ["a"], None, False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], None, True),
        ("ForAllValues:StringNotLike", ["subnet-x*"], ["subnet-a", "subnet-b"], True),
    ],
)
def test_condition_operators(operator: str, wanted: Any, given: Any, holds: bool) -> None:
    policy = read(allow("*", Condition={operator: {"svc:Key": wanted}}))
    assert policy.answer("s3:GetObject", "*", lambda _: given, SESSION.who).allows is holds


def test_all_conditions_of_a_statement_must_hold_and_keys_have_no_case() -> None:
    condition = {"StringEquals": {"AWS:SourceAccount": "1"}, "ArnLike": {"aws:sourcearn": "arn:aws:events:*:*:rule/r"}}
    policy = read(allow("*", Condition=condition))
    both = {"aws:sourceaccount": ["1"], "aws:sourcearn": ["arn:aws:events:r:1:rule/r"]}
    assert policy.answer("sqs:SendMessage", "*", both.get, SESSION.who).allows
    assert not policy.answer("sqs:SendMessage", "*", {**both, "aws:sourceaccount": ["2"]}.get, SESSION.who).allows


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (allow("*", Condition={"StringSortOf": {"a": "b"}}), "StringSortOf"),
        (allow("*", Condition={"ForSome:StringEquals": {"a": "b"}}), "ForSome:StringEquals"),
        (allow("*", "arn:aws:s3:::home/${aws:username}/*"), "policy variables"),
        (allow("*", Condition={"StringEquals": {"a": "${aws:PrincipalTag/team}"}}), "policy variables"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*", "Resorce": "x"}, "Resorce"),
        ({"Effect": "Allow", "Action": "*", "Resource": "*", "NotPrincipal": "*"}, "NotPrincipal"),
        ({"Effect": "Allow", "Resource": "*"}, "Action"),
        ({"Effect": "Permit", "Action": "*", "Resource": "*"}, "Effect"),
        ({"Effect": "Allow", "Action": "*"}, "Resource"),
        ({"Effect": "Allow", "Action": "*", "Principal": {"CanonicalUser": "x"}, "Resource": "*"}, "CanonicalUser"),
    ],
)
def test_what_the_rehearsal_does_not_know_is_an_error_that_names_it(statement: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedPolicy, match=said):
        read(statement)


def test_a_condition_key_that_nobody_computes_is_an_error_only_where_it_would_matter() -> None:
    policy = read(allow("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    need = Need("s3:GetObject", "arn:aws:s3:::b/k")
    lookup = lookup_for(need, SESSION, region="r", account=ACCOUNT, now=lambda: datetime.now(UTC))
    assert not policy.answer("s3:PutObject", need.resource, lookup, SESSION.who).allows
    with pytest.raises(UnsupportedPolicy, match="aws:sourceip"):
        policy.answer("s3:GetObject", need.resource, lookup, SESSION.who)


# ---- principals


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", Answer(allows=True)),
        ({"AWS": "*"}, Answer(allows=True)),
        ({"AWS": ROLE}, Answer(allows=True)),
        ({"AWS": [f"{ROLE}2", f"arn:{PARTITION}:sts::{ACCOUNT}:assumed-role/Judge/run"]}, Answer(allows=True)),
        ({"AWS": ROOT}, Answer(delegates=True)),
        ({"AWS": ACCOUNT}, Answer(delegates=True)),
        (ACCOUNT, Answer(delegates=True)),
        ({"AWS": f"arn:{PARTITION}:iam::999999999999:root"}, Answer()),
        ({"Service": "events.amazonaws.com"}, Answer()),
    ],
)
def test_how_a_resource_policy_names_a_role(principal: Any, expected: Answer) -> None:
    policy = read({"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*"})
    assert answer(policy, "sqs:SendMessage") == expected


def test_an_explicit_deny_ends_the_evaluation() -> None:
    policy = read(allow("*"), {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"})
    assert answer(policy, "s3:DeleteObject") == Answer(denies=True)


# ---- decisions


def decided(need: Need, who: Any = SESSION, **given: policies.Policy) -> tuple[bool, str]:
    lookup = lookup_for(need, who, region="us-gov-west-1", account=ACCOUNT, now=lambda: datetime.now(UTC))
    kinds: dict[str, Any] = {**given, "identity": [given["identity"]] if "identity" in given else []}
    decision = decide(who, need, Policies(**kinds), lookup)
    return decision.allowed, decision.reason


GET = Need("s3:GetObject", "arn:aws-us-gov:s3:::data/x")
DENY = read({"Effect": "Deny", "Action": "*", "Resource": "*"})
DENY_ALL = read({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})


def test_either_side_is_enough_in_the_same_account() -> None:
    by_role = read({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "*", "Resource": "*"})
    by_account = read({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "*", "Resource": "*"})
    assert decided(GET, identity=read(allow("s3:*"))) == (True, "")
    assert decided(GET, resource=by_role) == (True, "")
    assert decided(GET, resource=by_account) == (
        False,
        "because no identity-based policy allows the s3:GetObject action",
    )


def test_denials_say_which_kind_of_policy_it_was() -> None:
    everything = read(allow("*"))
    assert decided(GET, identity=DENY)[1] == "with an explicit deny in an identity-based policy"
    assert decided(GET, identity=everything, resource=DENY_ALL)[1] == "with an explicit deny in a resource-based policy"
    assert decided(GET, identity=everything, boundary=DENY)[1] == "with an explicit deny in a permissions boundary"
    assert decided(GET, identity=everything, boundary=read(allow("kms:*"))) == (
        False,
        "because no permissions boundary allows the s3:GetObject action",
    )
    assert decided(GET, identity=everything, session=read(allow("kms:*"))) == (
        False,
        "because no session policy allows the s3:GetObject action",
    )


def test_a_key_needs_its_own_policy_too() -> None:
    use = Need("kms:Decrypt", KEY, {"kms:viaservice": ("s3.us-gov-west-1.amazonaws.com",)})
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.us-gov-west-1.amazonaws.com"}}
    delegating = read(
        {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*", "Condition": through_s3}
    )
    identity = read(allow("kms:Decrypt", KEY))
    assert decided(use, identity=identity, resource=delegating) == (True, "")
    assert decided(use, resource=delegating)[1] == "because no identity-based policy allows the kms:Decrypt action"
    directly = Need("kms:Decrypt", KEY)
    assert decided(directly, identity=identity, resource=delegating) == (
        False,
        "because no resource-based policy allows the kms:Decrypt action",
    )


def test_a_service_is_allowed_by_the_resource_alone() -> None:
    queue = "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q"
    policy = read(
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws-us-gov:events:*:*:rule/muster-*"}},
        }
    )
    need = Need("sqs:SendMessage", queue)
    rule = "arn:aws-us-gov:events:us-gov-west-1:123456789012:rule/"
    assert decided(need, ServicePrincipal("events.amazonaws.com", ACCOUNT, f"{rule}muster-x"), resource=policy)[0]
    refused = (False, "because no resource-based policy allows the sqs:SendMessage action")
    assert decided(need, ServicePrincipal("events.amazonaws.com", ACCOUNT, f"{rule}other"), resource=policy) == refused
    assert decided(need, ServicePrincipal("sns.amazonaws.com", ACCOUNT), resource=policy) == refused


def test_the_message_is_worded_as_aws_words_it() -> None:
    need = Need("dynamodb:PutItem", "arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/ledger")
    lookup = lookup_for(need, SESSION, region="r", account=ACCOUNT, now=lambda: datetime.now(UTC))
    assert message(SESSION, need, decide(SESSION, need, Policies(), lookup)) == (
        "User: arn:aws-us-gov:sts::123456789012:assumed-role/Judge/run is not authorized to perform: dynamodb:PutItem "
        "on resource: arn:aws-us-gov:dynamodb:us-gov-west-1:123456789012:table/ledger "
        "because no identity-based policy allows the dynamodb:PutItem action"
    )
