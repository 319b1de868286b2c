"""Reading templates, parameters and intrinsic functions: pure, no rehearsal needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rehearsal.template import TemplateError
from rehearsal.template.intrinsics import Scope, references
from rehearsal.template.loading import parse
from rehearsal.template.parameters import resolve

FILE = Path("t.yaml")
RESOURCES = "Resources: {R: {Type: AWS::SQS::Queue}}\n"


def scope(conditions: dict[str, Any] | None = None) -> Scope:
    def ref(name: str) -> str:
        if name == "Queue":
            return "https://queue"
        raise TemplateError(f"refers to {name!r}")

    return Scope(
        parameters={"Env": "prod", "Zones": ["a", "b"], "Count": "3"},
        pseudo={"AWS::Partition": "aws-us-gov", "AWS::Region": "us-gov-west-1", "AWS::AccountId": "123456789012"},
        mappings={"Sizes": {"prod": {"cpu": "8"}}},
        conditions={"IsProd": {"Fn::Equals": [{"Ref": "Env"}, "prod"]}, **(conditions or {})},
        ref=ref,
        attribute=lambda name, attribute: f"{name}/{attribute}",
    )


def evaluate(text: str) -> Any:
    return scope().value(parse(f"{RESOURCES}Outputs: {{X: {text}}}")["Outputs"]["X"], "X")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Env", "prod"),
        ("!Ref Zones", ["a", "b"]),
        ("!Ref AWS::Partition", "aws-us-gov"),
        ("!Ref Queue", "https://queue"),
        ("!GetAtt Queue.Arn", "Queue/Arn"),
        ("!GetAtt [Nested, Outputs.TopicArn]", "Nested/Outputs.TopicArn"),
        ('!Sub "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Env}-${Queue.Name}-${!Literal}"',
         "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:prod-Queue/Name-${Literal}"),
        ('!Sub ["${A}/${Env}", {A: !GetAtt Queue.Arn}]', "Queue/Arn/prod"),
        ('!Join [",", !Ref Zones]', "a,b"),
        ('!Split ["-", "x-y"]', ["x", "y"]),
        ('!Select [1, !Ref Zones]', "b"),
        ('!Select ["0", !Split [",", "q,r"]]', "q"),
        ("!If [IsProd, yes, no]", True),
        ('!If [IsProd, {Fn::Join: ["", [a, b]]}, no]', "ab"),
        ("!FindInMap [Sizes, !Ref Env, cpu]", "8"),
        ("!Base64 hi", "aGk="),
        ("!GetAZs ''", ["us-gov-west-1a", "us-gov-west-1b", "us-gov-west-1c"]),
        ("!Cidr [10.0.0.0/16, 2, 8]", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("{a: !Ref AWS::NoValue, b: [!If [IsProd, !Ref AWS::NoValue, 1], 2]}", {"b": [2]}),
        ("{Version: 2012-10-17}", {"Version": "2012-10-17"}),
        ("{Condition: {Bool: {x: 'true'}}}", {"Condition": {"Bool": {"x": "true"}}}),
    ],
)  # fmt: skip
def test_expressions_have_cloudformations_values(text: str, value: Any) -> None:
    assert evaluate(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("!Ref Nothing", "X: refers to 'Nothing'"),
        ("!Ref AWS::Nothing", "X: Ref to the unknown pseudo parameter AWS::Nothing"),
        ("{a: [!Select [5, [1]]]}", "X.a[0]: Fn::Select wants an index into a list, got 5 of [1]"),
        ("!FindInMap [Sizes, dev, cpu]", "X: Fn::FindInMap finds no 'dev' in Mappings.Sizes"),
        ("!If [Unknown, a, b]", "X: there is no condition 'Unknown'"),
        ("!ImportValue shared", "X: Fn::ImportValue is not rehearsed"),
        ("{'Fn::ForEach': []}", "X: Fn::ForEach is not rehearsed"),
        ('!Sub "${Zones}"', "X: ${Zones} in Fn::Sub is ['a', 'b'], wanted a string"),
        ('!Join [",", x]', "X: Fn::Join wants a list to join, got 'x'"),
    ],
)  # fmt: skip
def test_expressions_that_cannot_be_evaluated_say_where(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        evaluate(text)
    assert message in str(caught.value)


def test_conditions_combine() -> None:
    # Given conditions that use all condition functions
    found = scope(
        {
            "Not": {"Fn::Not": [{"Condition": "IsProd"}]},
            "Any": {"Fn::Or": [{"Condition": "Not"}, {"Fn::Equals": ["1", 1]}]},
            "All": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "Any"}]},
        }
    )
    # Then they hold as in CloudFormation
    assert [found.condition(name) for name in ("IsProd", "Not", "Any", "All")] == [True, False, True, True]


def test_conditions_in_a_circle_are_refused() -> None:
    found = scope({"A": {"Fn::Not": [{"Condition": "B"}]}, "B": {"Fn::Not": [{"Condition": "A"}]}})
    with pytest.raises(TemplateError, match="in a circle: A -> B -> A"):
        found.condition("A")


def test_references_finds_every_name() -> None:
    body = parse(RESOURCES + 'Outputs: {X: [!Ref A, !GetAtt B.Arn, !Sub ["${C.Arn}${Own}${!D}", {Own: !Ref E}]]}')
    assert set(references(body["Outputs"])) == {"A", "B", "C", "E"}


# ---- loading


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Resources: {R: {Type: A, Type: B}}", "t.yaml: line 1: the key 'Type' stands twice in one mapping"),
        ("Resources: [", "t.yaml: is not valid YAML"),
        ("- a", "t.yaml: is list, a template is a mapping"),
        ("Transform: X", "t.yaml: Resources: has no resources"),
        (RESOURCES + "Ressources: {}", "t.yaml: Ressources: has an unknown section"),
        ("Resources: {R: {Properties: {}}}", "t.yaml: R: has no Type"),
    ],
)  # fmt: skip
def test_text_that_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text, FILE)
    assert str(caught.value).startswith(message)


# ---- parameters


def test_parameters_take_defaults_types_and_lists() -> None:
    declared = {
        "Name": {"Type": "String", "Default": "x", "AllowedPattern": "[a-z]+"},
        "Count": {"Type": "Number", "MinValue": 1},
        "Flag": {"Type": "String", "AllowedValues": ["true", "false"]},
        "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>"},
        "Words": {"Type": "CommaDelimitedList", "Default": ""},
    }
    found = resolve(declared, {"Count": 2.0, "Flag": True, "Subnets": "a, b"}, FILE)
    assert found == {"Name": "x", "Count": "2", "Flag": "true", "Subnets": ["a", "b"], "Words": []}


@pytest.mark.parametrize(
    ("declaration", "value", "message"),
    [
        ({"Type": "String"}, None, "has no default and no value was given"),
        ({"Type": "Number"}, "many", "is 'many', wanted a number"),
        ({"Type": "Number", "MaxValue": 5}, 6, "is '6', at most 5 is allowed"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", "is 'c', allowed are a, b"),
        ({"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "small letters"}, "A",
         "is 'A', which does not match [a-z]+ (small letters)"),
        ({"Type": "String", "MinLength": 3, "NoEcho": True}, "pw", "is ****: 2 characters, at least 3 are wanted"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/x", "values from SSM are not rehearsed"),
        ({"Type": "Text"}, "x", "has type 'Text', which is not known"),
        ({"Type": "String", "Values": []}, "x", "has an unknown key 'Values'"),
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit_are_refused(declaration: dict[str, Any], value: Any, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        resolve({"P": declaration}, {} if value is None else {"P": value}, FILE)
    assert str(caught.value).startswith("t.yaml: Parameters.P: ")
    assert message in str(caught.value)


def test_parameter_that_is_not_declared_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"Parameters.Typo: is given but not declared; parameters are: P"):
        resolve({"P": {"Type": "String", "Default": ""}}, {"Typo": "x"}, FILE)
