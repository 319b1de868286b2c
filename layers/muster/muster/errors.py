"""One exception class per cause. The class name is what a state machine's Catch and Retry see as the error.

Every message is one line that says which field or object, what was found, what was wanted and, where a person has to
act, what to do.
"""


class MusterError(Exception):
    """Base of everything that Muster raises on purpose."""


# -- what was asked for is wrong: a person corrects the input ----------------------------------------------------------
class ContractError(MusterError):
    """Input does not have the shape of its contract: unknown field, wrong type, value out of range."""


class PolicyViolation(MusterError):
    """A model's spec is looser than the platform's floor (policy.yaml)."""


class NotFound(MusterError):
    """Something that was named does not exist: model, publication, package, object, endpoint, configuration."""


class Refused(MusterError):
    """A rule says no, and asking again unchanged would not help."""


# -- data and artefacts ------------------------------------------------------------------------------------------------
class DataRefused(MusterError):
    """Training data that cannot be pinned: prefix empty, bucket not versioned, object unreadable, set too large."""


class Changed(MusterError):
    """Data moved while Muster was reading it: start again when the writer has finished."""


class DigestMismatch(MusterError):
    """Bytes do not have the sha256 that they were pinned with."""


class ArtifactMissing(MusterError):
    """A training job or a package without its model.tar.gz."""


class HoldoutMissing(MusterError):
    """A holdout that the judgement needs has not been put."""


class HoldoutOverlap(MusterError):
    """Rows of a holdout are in the training snapshot: a judgement on them would be worth nothing."""


class ReportInvalid(MusterError):
    """The evaluation report lacks a required metric, holds NaN, or contradicts itself."""


class ImageUnknown(MusterError):
    """No container image is known for this framework, version and region."""


# -- state of the system -----------------------------------------------------------------------------------------------
class Conflict(MusterError):
    """A conditional write lost: somebody else holds the lease, moved the pointer or decided first."""


class EndpointStuck(MusterError):
    """An endpoint did not settle within the time that its rollout allows."""


class Transient(MusterError):
    """AWS could not answer this time (throttling, 5xx, network): safe to try again."""
