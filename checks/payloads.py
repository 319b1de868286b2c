"""A state's payload stays below 32 KiB, and far below the 256 KiB at which Step Functions ends an execution.

Two halves. Here: what a workflow holds after its plan, for every model, and for the fullest spec that the contract
allows, since a model's author decides how much goes in. In the tests of the workflows: every input of every state that
their runs enter, with all branches and catches taken (`tests/state_machines/harness.py`). That is a measurement, not a
proof for all inputs; the parts of a payload without a bound of their own in the contracts are names and URIs.
"""

import json
from pathlib import Path
from typing import Any

from checks.examples import Example, examples, fullest, specs
from checks.findings import Finding, Result, result
from checks.tree import Tree
from state_machines.limits import PAYLOAD_BYTES


def check(tree: Tree) -> Result:
    """Find workflows whose state can outgrow the bound once it has its plan."""
    plans = [*examples(tree), *fullest(tree)]
    sizes = {each: size(each.state) for each in plans}
    path = next((path for path, _ in specs(tree)), Path("models"))
    findings = [
        Finding(
            path,
            1,
            f"{each.workflow} ({each.label}): found a state of {bytes_} bytes, wanted less than {PAYLOAD_BYTES}",
        )
        for each, bytes_ in sizes.items()
        if bytes_ >= PAYLOAD_BYTES
    ]
    return result(f"{len(plans)} states with a plan, the largest {_largest(sizes)}", findings)


def size(payload: Any) -> int:
    """Return how many bytes a payload has as Step Functions counts it: JSON in UTF-8."""
    return len(json.dumps(payload, ensure_ascii=False).encode())


def _largest(sizes: dict[Example, int]) -> str:
    if not sizes:
        return "of none"
    each = max(sizes, key=lambda example: sizes[example])
    return f"{sizes[each]} of {PAYLOAD_BYTES} bytes ({each.workflow}, {each.label})"
