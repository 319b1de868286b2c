"""The longest times that the rendered workflows allow, in seconds. ``policy.yaml`` may allow less, never more.

A task's timeout is a backstop behind the limit of the thing itself (a job's StoppingCondition, a function's Timeout, an
endpoint's MaximumExecutionTimeoutInSeconds), so it is always the later of the two.
"""

PROCESSING_SECONDS = 86_400
"""Longest ``max_runtime_seconds`` of a Processing job."""

TRAINING_SECONDS = 432_000
"""Longest ``max_runtime_seconds`` of a training job, and longest ``max_wait_seconds`` with spot: five days, which is
SageMaker's own default quota."""

APPROVAL_SECONDS = 2_592_000
"""Longest ``approval.wait_seconds``: thirty days."""

ROLLOUT_SECONDS = 28_800
"""Longest ``rollout.maximum_seconds`` (SageMaker's own limit of MaximumExecutionTimeoutInSeconds)."""

ENDPOINT_WAIT_SECONDS = ROLLOUT_SECONDS + 7_200
"""Longest sum of a plan's ``wait_steps``: the longest rollout, and provisioning before and after it."""

ENDPOINT_LOOKS = 100
"""Most entries of a plan's ``wait_steps``: four transitions each, eleven of the 25,000 events of a history."""

JOB_START_SECONDS = 3_600
"""What a job may need before and after its own run time: capacity, image, inputs, outputs."""

FUNCTION_SECONDS = 60
"""Timeout of a function, where the template sets no other (``Globals`` of each stack)."""

FUNCTION_MARGIN_SECONDS = 30
"""A task waits this much longer than its function may run, so that the function's own timeout is what is seen."""

API_SECONDS = 60
"""Timeout of one call to an AWS API."""

PAYLOAD_BYTES = 32 * 1024
"""Largest state anywhere in a workflow. Step Functions takes 256 KiB; references travel, data does not."""

EXPRESS_SECONDS = 300
"""Longest Express execution (Step Functions quotas): what works on one item of a Distributed Map."""

SKETCH_BATCHES = 10_000
"""Most batches of a window: ``max_batches`` of ``policy.yaml`` may be less. It is also the most children of a Map Run."""

SKETCH_CONCURRENCY = 40
"""Batches that are counted at the same time; `SketchBatch` has as much reserved concurrency in the template."""

SWEPT = 300
"""Most executions that a sweep starts: `list_endpoints` refuses more, whose names would outgrow a payload."""

NIGHTLY_TURNS = 12
"""Most calls of `question_endpoint` in a night (``muster.nightly.TURNS``; a test holds the two equal)."""
