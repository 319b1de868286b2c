"""AWS::SSM::Parameter."""

from __future__ import annotations

from typing import Any

from ..kinds import Kind, Made
from ..work import Work

_SAME = ("AllowedPattern", "DataType", "Description", "Tier", "Type", "Value")


def _put(work: Work, overwrite: bool = False) -> Made:
    name = work.name("Name", 1011, "CFN-{id}-{tail}")
    params: dict[str, Any] = {"Name": name, "Overwrite": overwrite, **work.only(*_SAME)}
    if work.tags() and not overwrite:  # PutParameter refuses both at once
        params["Tags"] = work.tag_list()
    work.call("ssm", "put_parameter", params)
    return Made(name, {"Type": work.get("Type"), "Value": work.get("Value")})


KINDS = [
    Kind(
        "AWS::SSM::Parameter",
        _put,
        f"Name Tags {' '.join(_SAME)}",
        required="Type Value",
        update=lambda work, _: _put(work, overwrite=True),
    )
]
