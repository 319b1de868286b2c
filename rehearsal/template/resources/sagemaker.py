"""AWS::SageMaker::ModelPackageGroup."""

from __future__ import annotations

import json
from typing import Any

from ..kinds import Kind, Made
from ..work import Work


def _create_group(work: Work) -> Made:
    name = work.get("ModelPackageGroupName")
    params: dict[str, Any] = work.only("ModelPackageGroupName", "ModelPackageGroupDescription")
    if work.tags():
        params["Tags"] = work.tag_list()
    arn = work.call("sagemaker", "create_model_package_group", params)["ModelPackageGroupArn"]
    policy = work.get("ModelPackageGroupPolicy")
    if policy is not None:
        text = policy if isinstance(policy, str) else json.dumps(policy)
        work.call(
            "sagemaker",
            "put_model_package_group_policy",
            {"ModelPackageGroupName": name, "ResourcePolicy": text},
            "ModelPackageGroupPolicy",
        )
    return Made(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"})


KINDS = [
    Kind(
        "AWS::SageMaker::ModelPackageGroup",
        _create_group,
        "ModelPackageGroupDescription ModelPackageGroupName ModelPackageGroupPolicy Tags",
        required="ModelPackageGroupName",
    )
]
