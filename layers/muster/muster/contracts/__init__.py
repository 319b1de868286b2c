"""Every value that passes between functions, workflows, jobs and people, one contract per hop.

``PipelineRequest → Run → TrainingResult → EvaluationResult → RegisteredModel → ApprovalDecision`` on the build side,
``DeploymentRequest → Claim → DeploymentPlan → Verification → DeploymentResult`` on the serving side,
``RetrainingRequest → RetrainingDecision`` between the two.
"""

from muster.contracts.base import Contract, iso, parse

__all__ = ["Contract", "iso", "parse"]
