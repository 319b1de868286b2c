"""Functions with the product's own layers, mounted from the folders that `sam build` would build."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rehearsal import Rehearsal
from rehearsal.template import assets

LAYERS = Path(__file__).resolve().parents[2] / "layers"
SOURCE = """
import sys
def handler(event, context):
    for name in event:
        __import__(name)
    return {name: getattr(sys.modules[name], "__file__", None) for name in event}
"""


@pytest.fixture(scope="module")
def layer(rehearsal: Rehearsal) -> Callable[[str], str]:
    """Return a function that publishes a folder of `layers/` and returns the version's ARN."""

    def publish(name: str) -> str:
        content = {"ZipFile": assets.archive(LAYERS / name, "python/")}
        arn: str = rehearsal.client("lambda").publish_layer_version(LayerName=f"own-{name}", Content=content)[
            "LayerVersionArn"
        ]
        return arn

    return publish


def call(rehearsal: Rehearsal, role: str, name: str, layers: list[str], modules: list[str]) -> dict[str, Any]:
    client = rehearsal.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": assets.inline(SOURCE)},
        Layers=layers,
        MemorySize=256,
        Environment={"Variables": {"OPENBLAS_NUM_THREADS": "1"}},
    )
    answer: dict[str, Any] = json.loads(client.invoke(FunctionName=name, Payload=json.dumps(modules))["Payload"].read())
    return answer


def test_a_function_with_both_layers_has_rules_and_numbers_in_256_mb(
    rehearsal: Rehearsal, role: Callable[..., str], layer: Callable[[str], str]
) -> None:
    # Given a function with the layer of rules and the layer of numbers
    modules = ["muster.naming", "muster_numerics.baseline", "muster_numerics.quality", "muster_jobs.metrics", "numpy"]
    layers = [layer("muster"), layer("numerics")]
    # When it imports from both
    found = call(rehearsal, role("both-layers", "lambda.amazonaws.com"), "both-layers", layers, modules)
    # Then everything of the product comes from a layer, and numpy is there
    assert list(found) == modules, found
    assert all("/python/" in found[name] for name in modules[:-1]), found
    assert all(str(LAYERS) not in str(place) for place in found.values())


def test_a_function_without_the_layer_of_numbers_lacks_them(
    rehearsal: Rehearsal, role: Callable[..., str], layer: Callable[[str], str]
) -> None:
    found = call(
        rehearsal,
        role("one-layer", "lambda.amazonaws.com"),
        "one-layer",
        [layer("muster")],
        ["muster_numerics.baseline"],
    )
    assert found["errorType"] == "ModuleNotFoundError"
