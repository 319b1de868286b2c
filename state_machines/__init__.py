"""Muster's workflows: one module per state machine, and its rendered ``<name>.asl.json``, which is what is deployed.

``python -m state_machines`` renders them all (``make workflows``). Nothing here runs in AWS or in the rehearsal.
"""

#: Every workflow, in the order of a model's life. The name is the module's, the rendered file's and the template's.
WORKFLOWS = (
    "pipeline",
    "training",
    "evaluation",
    "registration",
    "approval",
    "deployment",
    "rollback",
    "retraining",
    "monitoring",
    "sweep",
    "batch_inference",
    "nightly_evaluation",
)
