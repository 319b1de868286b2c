"""Code that runs in SageMaker jobs keeps to the image: Python 3.10's syntax, its own modules, numpy and xgboost."""

import ast
import sys

import pytest
import yaml

from muster import publication
from muster.contracts.base import parse
from muster.contracts.policy import Policy
from muster.contracts.spec import ModelSpec
from tests.jobs.workbench import ROOT

FOLDERS = ("jobs", "models", "ops/scaffold", "tests/fixtures/models")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
NEW_IN_3_11 = {"tomllib"}
ALLOWED = ((set(sys.stdlib_module_names) - NEW_IN_3_11) | {"numpy", "xgboost", "features"}) - {"boto3"}
ALLOWED |= {"muster_jobs", "muster_numerics"}  # Muster's own, which travel with the jobs


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_needs_nothing_that_the_image_lacks(path):
    tree = ast.parse(path.read_text(), str(path), feature_version=(3, 10))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] in ALLOWED, f"line {node.lineno} imports {name}"
    assert len(path.read_text().splitlines()) < 400


@pytest.mark.parametrize(
    "path",
    [
        "models/breast_cancer/model.yaml",
        "models/breast_cancer/demo/misses_gate/model.yaml",
        "tests/fixtures/models/pump_energy/model.yaml",
        "ops/scaffold/model.yaml",
    ],
)
def test_specs_are_valid_and_above_the_floor(path):
    text = (ROOT / path).read_text().replace("{{ name }}", "any").replace('{{ name | replace("_", "-") }}', "any")
    spec = parse(ModelSpec, yaml.safe_load(text), path)
    policy = parse(Policy, yaml.safe_load((ROOT / "policy.yaml").read_text()))
    assert publication.problems(spec, policy) == []
