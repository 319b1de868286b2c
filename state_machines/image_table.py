"""Generates layers/muster/muster/images.json: which framework images AWS keeps where, as the SageMaker SDK knows it.

Run by ``make workflows`` (the SDK belongs to the authoring group only); `out_of_sync` is for ``--check`` and the tests.
"""

import json
from pathlib import Path
from typing import Any

FRAMEWORKS = {"sagemaker-xgboost": "xgboost", "sagemaker-scikit-learn": "sklearn"}
"""Repository, which is what a spec calls the framework, to the SDK's name. Those with a script mode on CPU."""
PATH = Path(__file__).resolve().parent.parent / "layers" / "muster" / "muster" / "images.json"


def render() -> str:
    """Return the text of images.json."""
    frameworks = {repository: _framework(repository, name) for repository, name in FRAMEWORKS.items()}
    return json.dumps({"schema": 1, "frameworks": frameworks}, indent=1, sort_keys=True) + "\n"


def write() -> Path:
    """Write images.json and return its path."""
    PATH.write_text(render(), encoding="utf-8")
    return PATH


def out_of_sync() -> bool:
    """Tell whether images.json is not what the SDK says now."""
    return not PATH.is_file() or PATH.read_text(encoding="utf-8") != render()


def _framework(repository: str, name: str) -> dict[str, Any]:
    from sagemaker import image_uris

    config: dict[str, Any] = image_uris.config_for_framework(name)  # type: ignore[no-untyped-call]
    training, inference = (config[scope]["versions"] for scope in ("training", "inference"))
    # A spec has one image for all its jobs and its endpoint: versions that can only train are of no use. The first
    # XGBoost is a built-in algorithm without script mode, in another repository.
    versions = sorted(each for each in training.keys() & inference.keys() if training[each]["repository"] == repository)
    accounts = training[versions[-1]]["registries"]
    for version in versions:
        for scope in (training, inference):
            if scope[version]["registries"] != accounts:
                raise ValueError(
                    f"{name} {version}: found other registries than for {versions[-1]}, wanted one table for all"
                )

    def uri(region: str, version: str) -> str:
        return str(image_uris.retrieve(name, region, version=version, instance_type="ml.m5.large"))

    some_region = min(accounts)
    return {
        "repository": repository,
        "tags": {each: uri(some_region, each).rpartition(":")[2] for each in versions},
        "registries": {region: uri(region, versions[-1]).partition("/")[0] for region in sorted(accounts)},
    }


if __name__ == "__main__":
    write()
