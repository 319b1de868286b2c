"""The `training` workflow: pin the data, prepare it, train on it, seal the model, count the data for monitoring.

Input ``{run}``; output ``TrainingResult``.
"""

from state_machines.extension import Choice, Graph, Pass, State
from state_machines.jobs import processing_task, training_task
from state_machines.machine import machine
from state_machines.policies import Faults, equals, every, function_task, to

_PLAN = "$.plan.training"


def build() -> Graph:
    """Return the state machine."""
    faults = Faults("training")
    snapshot = function_task(
        "SnapshotData",
        "SnapshotData",
        {"run.$": "$.run"},
        comment="Pins every object of the training data by version and sha256, and copies it under Object Lock.",
        seconds=900,
        result_path="$.snapshotting",
    )
    complete = Choice("SnapshotComplete?", comment="A set that is too large for a function is hashed by a job first.")
    hashing = processing_task("HashObjects", "hash", "$.snapshotting.job", comment="The sha256 of every object.")
    sealing = function_task(
        "SealSnapshot",
        "SnapshotData",
        {"run.$": "$.run", "hashes_uri.$": "$.snapshotting.hashes_uri"},
        comment="Checks the job's hashes against the versions that were pinned, and copies.",
        seconds=900,
        result_path="$.snapshotting",
    )
    plan = function_task(
        "PlanTraining",
        "PlanTraining",
        {"run.$": "$.run", "snapshot.$": "$.snapshotting.snapshot"},
        comment="Writes down both jobs: inputs by digest, instances, limits.",
        result_path="$.plan",
    )
    prepare = processing_task("Prepare", "prepare", "$.plan.prepare", comment="Runs the model's own preprocess.py.")

    snapshot.next(complete)
    complete.add_choice(equals("$.snapshotting.status", "complete"), plan)
    complete.default_choice(hashing)
    hashing.next(sealing)
    sealing.next(plan)
    plan.next(prepare)
    prepare.next(_train(faults))
    faults.guard(snapshot, hashing, sealing, plan, prepare)
    return machine(
        snapshot,
        comment="Trains a model on a pinned snapshot and seals it under its digest. Started by pipeline.",
        smallest_input='{"run": <output of resolve_request>}',
    )


def _train(faults: Faults) -> State:
    """On spot where the spec allows it, once more on demand when capacity was what failed, and then seal."""
    allowed = Choice("SpotAllowed?", comment="The spec says whether to train on managed spot capacity.")
    on_spot = training_task(
        "TrainOnSpot", "train", _PLAN, spot=True, comment="Managed spot: SageMaker resumes it from its checkpoints."
    )
    on_demand = training_task(
        "TrainOnDemand", "train", _PLAN, spot=False, comment="On demand; goes on from the checkpoints of a spot job."
    )
    explain = faults.explanation("ExplainSpotFailure", "Was it capacity, or the training itself?")
    lost = Choice("CapacityLost?", comment="Only lost capacity falls back to on demand, and only once.")
    ran_out = Choice(
        "SpotRanOut?", comment="A job that waited too long for capacity is Stopped, which need not be an error."
    )
    seal = function_task(
        "SealArtifact",
        "SealArtifact",
        {"run.$": "$.run", "snapshot.$": "$.snapshotting.snapshot", "training_job_name.$": "$.job.name"},
        comment="Checks that the job completed; copies model.tar.gz to a key named by its digest, under Object Lock.",
        seconds=900,
        result_path="$.training",
    )
    falls_back = equals(f"{_PLAN}.fall_back", True)

    allowed.add_choice(equals(f"{_PLAN}.spot", True), on_spot)
    allowed.default_choice(on_demand)
    on_spot.next(ran_out)
    ran_out.add_choice(every(equals("$.job.ended", "MaxWaitTimeExceeded"), falls_back), on_demand)
    ran_out.default_choice(seal)
    on_spot.add_catch(to(explain))
    explain.next(lost)
    explain.add_catch(to(faults.unexplained, "$.explain_error"))
    lost.add_choice(every(equals("$.fault.kind", "capacity"), falls_back), on_demand)
    lost.default_choice(faults.failed)
    on_demand.next(seal)
    seal.next(_baseline(faults))
    faults.guard(on_demand, seal)
    return allowed


def _baseline(faults: Faults) -> State:
    """Count the data that were trained on: in the function, or in a job when they are too many for it."""
    facts = {"run.$": "$.run", "training.$": "$.training"}
    make = function_task(
        "MakeBaseline",
        "MakeBaseline",
        facts,
        comment="What the training data look like, for monitoring to compare with; sealed under its digest.",
        seconds=900,
        result_path="$.baselining",
    )
    complete = Choice("BaselineComplete?", comment="Data that are too many for a function are counted by a job first.")
    counting = processing_task(
        "CountData", "baseline", "$.baselining.job", comment="The same counts, by the same code."
    )
    sealing = function_task(
        "SealCounts",
        "MakeBaseline",
        {**facts, "counts_uri.$": "$.baselining.counts_uri"},
        comment="Seals what the job counted.",
        seconds=900,
        result_path="$.baselining",
    )
    trained = Pass("Trained", comment="The sealed model and its baseline.", input_path="$.baselining.training")

    make.next(complete)
    complete.add_choice(equals("$.baselining.status", "complete"), trained)
    complete.default_choice(counting)
    counting.next(sealing)
    sealing.next(trained)
    faults.guard(make, counting, sealing)
    return make
