"""What is found before anything is created: unknown types and properties, files, references, circles; the cache."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.host import REGION
from rehearsal.template import Plan, TemplateError, requirements
from rehearsal.template import plan as make_plan

HERE = Path(__file__).parent / "templates"
SAM = "Transform: AWS::Serverless-2016-10-31\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def plan_of(tmp_path: Path, cache: Path, body: str, **parameters: str) -> Plan:
    template = tmp_path / "template.yaml"
    template.write_text(body)
    return make_plan(template, parameters, region=REGION, cache=cache)


def refusal(tmp_path: Path, cache: Path, body: str) -> str:
    with pytest.raises(TemplateError) as caught:
        plan_of(tmp_path, cache, body)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(tmp_path / "template.yaml"))
    return text.removeprefix(f"{tmp_path / 'template.yaml'}: ")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("R: {Type: AWS::EC2::Instance}", "R.Type: AWS::EC2::Instance is a resource type that the rehearsal does not"),
        ("R: {Type: AWS::SQS::Queue, Properties: {Color: red}}",
         "R.Properties.Color: AWS::SQS::Queue does not handle it in the rehearsal; handled here are "),
        ("R: {Type: AWS::S3::Bucket, Properties: {LifecycleConfiguration: {Rules: [{Id: a}, {Transition: {}}]}}}",
         "R.Properties.LifecycleConfiguration.Rules[1].Transition: AWS::S3::Bucket does not handle it"),
        ("R: {Type: AWS::SQS::Queue, Properties: !If [C, {QueueName: a}, {Color: red}]}",
         "R.Properties.Fn::If[2].Color: AWS::SQS::Queue does not handle it"),
        ("R: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: b}}", "R.Properties.PolicyDocument: is missing"),
        ("R: {Type: AWS::SQS::Queue, CreationPolicy: {}}", "R.CreationPolicy: is not handled in the rehearsal"),
        ("R: {Type: AWS::SQS::Queue, DeletionPolicy: Keep}", "R.DeletionPolicy: is 'Keep', wanted one of Delete, "),
        ("R: {Type: AWS::SQS::Queue, DependsOn: [Q]}", "R.DependsOn: names 'Q', which is no resource of this"),
        ("R: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Q}}", "R: refers to 'Q', which is no parameter or"),
        ("{A: {Type: AWS::SQS::Queue, DependsOn: B}, B: {Type: AWS::SQS::Queue, DependsOn: A}}",
         "A: resources need each other in a circle: A -> B -> A"),
        ("R: {Type: AWS::Lambda::LayerVersion, Properties: {Content: s3://bucket/key}}",
         "R.Properties.Content: is 's3://bucket/key': the rehearsal reads local files"),
        ("R: {Type: AWS::Lambda::Function, Properties: {Code: functions/none, Role: r}}",
         "R.Properties.Code: there is no 'functions/none' beside the template"),
        ("R: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: template.yaml}}",
         "is nested more than 5 deep: does it nest itself?"),
    ],
)  # fmt: skip
def test_templates_that_cannot_be_created_are_refused(tmp_path: Path, cache: Path, body: str, message: str) -> None:
    block = f"Resources:\n  {body}\n" if not body.startswith("{") else f"Resources: {body}\n"
    found = refusal(tmp_path, cache, block + "Conditions: {C: !Equals [a, a]}\n")
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("R: {Type: AWS::Serverless::Function, Properties: {Handler: a.b, Runtime: python3.12}}",
         "R.Properties.CodeUri: is missing: name the folder of the function"),
        ("R: {Type: AWS::Serverless::Function, Properties: {CodeUri: ., Handler: a.b, Runtime: python3.12, Tiemout: 3}}",
         "SAM refuses it: Resource with id [R] is invalid. property Tiemout not defined"),
        ("R: {Type: AWS::Serverless::Api, Properties: {StageName: x}}",
         "is a resource type that the rehearsal does not know"),
    ],
)  # fmt: skip
def test_sam_templates_that_cannot_be_created_are_refused(tmp_path: Path, cache: Path, body: str, message: str) -> None:
    assert message in refusal(tmp_path, cache, f"{SAM}Resources:\n  {body}\n")


def test_unknown_transform_is_refused(tmp_path: Path, cache: Path) -> None:
    body = "Transform: AWS::LanguageExtensions\nResources: {R: {Type: AWS::SQS::Queue}}\n"
    assert refusal(tmp_path, cache, body).startswith("Transform: is 'AWS::LanguageExtensions'")


def test_resources_come_after_what_they_need(tmp_path: Path, cache: Path) -> None:
    # Given resources in an order that does not work
    plan = plan_of(
        tmp_path,
        cache,
        """
Resources:
  Last: {Type: AWS::SQS::Queue, DependsOn: Middle}
  Middle: {Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt First.Arn}}}
  Other: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "x-${Last.QueueName}"}}
  First: {Type: AWS::SQS::Queue}
""",
    )
    # Then the plan puts them right
    assert plan.order == ["First", "Middle", "Last", "Other"]


def test_parameters_that_come_from_resources_are_not_baked_in(tmp_path: Path, cache: Path) -> None:
    # Given a nested application whose parameter has a default and is given by a resource
    (tmp_path / "inner.yaml").write_text(f"""{SAM}
Parameters: {{Name: {{Type: String, Default: fallback}}, Static: {{Type: String}}}}
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ContentUri: ., LayerName: !Ref Name, Description: !Ref Static}}
""")
    plan = plan_of(
        tmp_path,
        cache,
        f"""{SAM}
Resources:
  Queue: {{Type: AWS::SQS::Queue}}
  Inner:
    Type: AWS::Serverless::Application
    Properties: {{Location: inner.yaml, Parameters: {{Name: !GetAtt Queue.QueueName, Static: fixed}}}}
""",
    )
    # Then SAM, which writes values of parameters into layers, has seen the static one only
    (layer,) = plan.nested["Inner"].resources.values()
    assert layer["Properties"]["LayerName"] == {"Ref": "Name"}
    assert layer["Properties"]["Description"] == "fixed"


def test_ids_of_networks_do_not_change_the_translation(tmp_path: Path) -> None:
    # Given an application that has been planned with some subnets
    cache, template = tmp_path / "cache", HERE / "app" / "template.yaml"
    make_plan(template, {"Prefix": "x", "Subnets": "subnet-1"}, region=REGION, cache=cache)
    kept = set(cache.iterdir())
    # When it is planned with others, then the kept translation serves; with another prefix it does not
    make_plan(template, {"Prefix": "x", "Subnets": ["subnet-2", "subnet-3"]}, region=REGION, cache=cache)
    assert set(cache.iterdir()) == kept
    make_plan(template, {"Prefix": "y", "Subnets": "subnet-1"}, region=REGION, cache=cache)
    assert set(cache.iterdir()) > kept


def test_partition_of_managed_policies_is_the_regions(tmp_path: Path, cache: Path) -> None:
    # Given a function for which SAM makes a role
    plan = plan_of(
        tmp_path,
        cache,
        f"""{SAM}
Resources:
  F: {{Type: AWS::Serverless::Function, Properties: {{InlineCode: x, Handler: a.b, Runtime: python3.12}}}}
""",
    )
    # Then the policy that SAM attaches is GovCloud's
    (policy,) = plan.resources["FRole"]["Properties"]["ManagedPolicyArns"]
    assert policy.startswith("arn:aws-us-gov:iam::aws:policy/")


def test_translation_is_kept_and_used_without_the_translator(tmp_path: Path) -> None:
    # Given an application that has been planned once
    shutil.copytree(HERE / "app", tmp_path / "app")
    cache = tmp_path / "cache"
    template = tmp_path / "app" / "template.yaml"
    first = make_plan(template, {"Prefix": "x"}, region=REGION, cache=cache)
    assert len(list(cache.glob("*.json"))) == 3
    # When another process plans it
    code = f"""
import sys, json
from pathlib import Path
from rehearsal.template import plan
found = plan({str(template)!r}, {{"Prefix": "x"}}, region={REGION!r}, cache=Path({str(cache)!r}))
print(json.dumps([sorted(found.kinds()), "samtranslator" in sys.modules]))
"""
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    # Then it finds the same, and has not loaded the translator
    assert json.loads(told) == [sorted(first.kinds()), False]
    # And a changed template, or a damaged file, is translated anew
    for file in cache.glob("*.json"):
        file.write_text("{")
    assert make_plan(template, {"Prefix": "x"}, region=REGION, cache=cache).kinds() == first.kinds()


def test_code_of_the_whole_application_is_listed_once() -> None:
    plan = make_plan(HERE / "app" / "template.yaml", {"Prefix": "x"}, region=REGION)
    folders = [folder.relative_to(HERE / "app").as_posix() for _, _, folder in plan.code()]
    assert sorted(folders) == ["functions/greet", "functions/refuse", "layers/shared"]


# ---- pins


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("pytest", None),
        ("pytest==0.1 ; python_version < '3'", None),
        ("pytest==0.1 ; python_full_version >= '3.9' and sys_platform != 'beos'", "pytest==0.1 is wanted"),
        ("# pytest==0.1", None),
        ("--index-url nowhere", None),
        ("not-there-at-all==1", "not-there-at-all==1 is not installed"),
        ("pytest[extra]==0.1", "pytest==0.1 is wanted"),
        ("pytest>=8", "is no pin that the rehearsal can read"),
    ],
)  # fmt: skip
def test_pins_are_held_against_what_is_installed(tmp_path: Path, line: str, problem: str | None) -> None:
    (tmp_path / "requirements.txt").write_text(f"{line} \\\n    --hash=sha256:00\n")
    found = requirements.problems(tmp_path)
    assert (found == []) if problem is None else (problem in found[0])
