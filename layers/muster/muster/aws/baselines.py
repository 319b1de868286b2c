"""Seals a baseline: its document and the same in Model Monitor's formats, side by side below the document's digest."""

from collections.abc import Mapping

from muster import digests
from muster.aws.s3 import ObjectStore
from muster.contracts.documents import BaselineRef, DocumentRef
from muster.contracts.monitoring import BaselineDocument
from muster.naming import baseline_key, s3_uri
from muster.settings import Settings


def seal(
    store: ObjectStore, settings: Settings, document: BaselineDocument, files: Mapping[str, object]
) -> BaselineRef:
    """Write a baseline under Object Lock and return its references.

    Parameters
    ----------
    document
        What the digest is taken of.
    files
        Contents of ``statistics.json``, ``constraints.json`` and perhaps of ``model_quality_statistics.json`` and
        ``model_quality_constraints.json``; the document itself is written last: where it is, all is.
    """
    own = digests.digest_of(document)

    def write(name: str, content: object) -> DocumentRef:
        data = digests.canonical(content)
        uri = s3_uri(settings.records_bucket, baseline_key(own, name))
        store.write(uri, data, "application/json", locked=True)
        return DocumentRef(uri=uri, digest=digests.sha256(data))

    written = {name: write(name, content) for name, content in files.items()}
    return BaselineRef(
        statistics=written["statistics.json"],
        constraints=written["constraints.json"],
        quality_statistics=written.get("model_quality_statistics.json"),
        quality_constraints=written.get("model_quality_constraints.json"),
        baseline=write("baseline.json", document),
        rows=document.rows,
    )
