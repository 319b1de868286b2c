"""One store of state machines: moto has a second one, without an interpreter, that some of its own callers use."""

from __future__ import annotations

from rehearsal.patching import replace


def install() -> None:
    """Make every caller use the store that executes."""
    import moto.stepfunctions.models as models
    import moto.stepfunctions.responses as responses
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    for module in (models, responses):
        replace(module, "stepfunctions_backends", stepfunctions_parser_backends)
