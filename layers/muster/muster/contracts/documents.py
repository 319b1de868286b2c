"""References to sealed documents: what travels instead of them, and binds them by digest."""

from typing import Annotated

from pydantic import Field

from muster.contracts.base import Contract, Digest, S3Uri


class DocumentRef(Contract):
    """A sealed document, by digest."""

    uri: S3Uri
    digest: Digest


class BaselineRef(Contract):
    """A sealed baseline: Muster's own document, and the same in Model Monitor's formats.

    The two of model quality are there once the model has been evaluated.
    """

    baseline: DocumentRef
    statistics: DocumentRef
    constraints: DocumentRef
    quality_statistics: DocumentRef | None = None
    quality_constraints: DocumentRef | None = None
    rows: Annotated[int, Field(ge=1)]

    @property
    def documents(self) -> tuple[DocumentRef, ...]:
        """All that are there."""
        named = (self.baseline, self.statistics, self.constraints, self.quality_statistics, self.quality_constraints)
        return tuple(each for each in named if each is not None)
