"""What the `stepfunctions` SDK 2.3.0 cannot say, and the one place that imports it.

Added: ResultSelector, Retry with jitter and a longest delay, Fail with ErrorPath and CausePath, Map with ItemProcessor,
inline and distributed.
The SDK's own steps for SageMaker are not used: they fix the partition when they are authored, and drop network
isolation, inter-container encryption and checkpoints. A plain Task passes any resource through.
"""

import contextlib
import enum
import logging
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the SDK, and sagemaker with it: they warn of their age and log about their configuration."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


with quiet():
    from stepfunctions.steps.choice_rule import ChoiceRule  # type: ignore[import-untyped]
    from stepfunctions.steps.fields import Field  # type: ignore[import-untyped]
    from stepfunctions.steps.states import (  # type: ignore[import-untyped]
        Catch,
        Choice,
        Graph,
        Parallel,
        Pass,
        Retry,
        State,
        Wait,
    )
    from stepfunctions.steps.states import Fail as SdkFail
    from stepfunctions.steps.states import Task as SdkTask

__all__ = [
    "Catch",
    "Choice",
    "ChoiceRule",
    "DistributedMap",
    "Fail",
    "Graph",
    "Map",
    "Parallel",
    "Pass",
    "Retrier",
    "State",
    "Task",
    "Wait",
    "quiet",
]


class Extra(enum.Enum):
    """Fields that `stepfunctions.steps.fields.Field` lacks; the value is the Python name, as there."""

    ResultSelector = "result_selector"
    MaxDelaySeconds = "max_delay_seconds"
    JitterStrategy = "jitter_strategy"
    ErrorPath = "error_path"
    CausePath = "cause_path"
    ItemSelector = "item_selector"
    ItemReader = "item_reader"
    ResultWriter = "result_writer"
    ToleratedFailurePercentage = "tolerated_failure_percentage"
    Label = "label"


class Retrier(Retry):  # type: ignore[misc]
    """A Retry that may jitter and has a longest delay."""

    def allowed_fields(self) -> list[enum.Enum]:
        """Return the SDK's fields and ours."""
        return [*super().allowed_fields(), Extra.MaxDelaySeconds, Extra.JitterStrategy]


class Task(SdkTask):  # type: ignore[misc]
    """A Task with a ResultSelector."""

    def allowed_fields(self) -> list[enum.Enum]:
        """Return the SDK's fields and ours."""
        return [*super().allowed_fields(), Extra.ResultSelector]


class Fail(SdkFail):  # type: ignore[misc]
    """A Fail whose error and cause may come from the state's input."""

    def allowed_fields(self) -> list[enum.Enum]:
        """Return the SDK's fields and ours."""
        return [*super().allowed_fields(), Extra.ErrorPath, Extra.CausePath]


class Map(State):  # type: ignore[misc]
    """An inline Map with an ItemProcessor. (The SDK's own renders the older Iterator and takes no processor's mode.)"""

    def __init__(self, state_id: str, processor: State, **fields: object) -> None:
        super().__init__(state_id, "Map", **fields)
        self.processor = processor

    def allowed_fields(self) -> list[enum.Enum]:
        """Return the SDK's fields and ours."""
        own = [Field.ItemsPath, Field.MaxConcurrency, Field.Retry, Field.Catch]
        return [*super().allowed_fields(), *own, Extra.ResultSelector, Extra.ItemSelector]

    def to_dict(self) -> dict[str, Any]:
        """Return the state as Amazon States Language."""
        definition: dict[str, Any] = super().to_dict()
        definition["ItemProcessor"] = {"ProcessorConfig": self.processor_config, **Graph(self.processor).to_dict()}
        return definition

    @property
    def processor_config(self) -> dict[str, str]:
        """How the items are worked on: inside of the execution."""
        return {"Mode": "INLINE"}


class DistributedMap(Map):
    """A Map whose items are read from S3, each worked on by an Express execution of its own, their results in S3."""

    def allowed_fields(self) -> list[enum.Enum]:
        """Return the inline Map's fields and those that are for this one alone."""
        own = [Extra.ItemReader, Extra.ResultWriter, Extra.ToleratedFailurePercentage, Extra.Label]
        return [*super().allowed_fields(), *own]

    @property
    def processor_config(self) -> dict[str, str]:
        """How the items are worked on: at most five minutes each."""
        return {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
