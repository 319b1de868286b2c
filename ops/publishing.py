"""`muster publish`: a model's code and spec go into the records bucket by digest, and the model's pointer moves to them.

Publishing deploys nothing and starts nothing; it needs the PublisherPolicy only.
"""

from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import ClientError

from muster import images, naming, publication
from muster.approval import Identity, Nobody, person_of
from muster.aws.documents import policy
from muster.aws.ledger import Condition, Ledger
from muster.aws.s3 import Lock, ObjectStore
from muster.contracts.base import iso
from muster.contracts.pipeline import Publication
from muster.errors import ImageUnknown, Refused
from ops.installation import Installation
from ops.packaging import clean_commit, pack


def publish(installation: Installation, folder: Path) -> Publication:
    """Validate, pin and publish a model's folder.

    Raises
    ------
    ContractError, NotFound, PolicyViolation, Refused, ImageUnknown
        Before anything is written; the line names field or file.
    """
    package = pack(folder)
    publication.check_new(package.spec, policy()[0])
    commit = clean_commit(folder)
    image_uri, image_digest = _pin_image(installation, package.spec.image.framework, package.spec.image.version)
    records = installation.buckets["records"]
    code, digest = package.code_digest, package.spec_digest
    published = Publication(
        model=package.spec.name,
        spec_digest=digest,
        spec_uri=naming.s3_uri(records, naming.spec_key(digest)),
        code_digest=code,
        code_uri=naming.s3_uri(records, naming.code_key(code)),
        golden_uri=naming.s3_uri(records, naming.golden_key(code)),
        image_uri=image_uri,
        image_digest=image_digest,
        commit=commit,
        publisher=person_of_caller(installation),
        published_at=datetime.now(UTC),
        problem_type=package.spec.problem_type,
    )
    store = records_store(installation)
    store.write(published.code_uri, package.code, "application/gzip", locked=True)
    store.write(published.golden_uri, package.golden, "application/jsonl", locked=True)
    store.write(published.spec_uri, package.spec_bytes, "application/json", locked=True)
    _move_pointer(installation, published)
    return published


def _move_pointer(installation: Installation, published: Publication) -> None:
    # The record by digest stays; the pointer says which one a run takes by default, and never moves back in time.
    ledger = Ledger(installation.client("dynamodb"), installation.ledger)
    pk, document = f"MODEL#{published.model}", published.payload()
    ledger.put(pk, f"PUBLICATION#{published.spec_digest}", document)
    older = Condition("attribute_not_exists(pk) OR published_at <= :at", values={"at": iso(published.published_at)})
    ledger.put(pk, "PUBLICATION", document, older)


def records_store(installation: Installation) -> ObjectStore:
    """Return the store of the records bucket, with the installation's lock."""
    evidence = installation.buckets["evidence"]
    lock = Lock(installation.object_lock, installation.object_lock_days, evidence)  # type: ignore[arg-type]
    return ObjectStore(installation.client("s3"), lock)


def person_of_caller(installation: Installation) -> str:
    """Return the person behind the credentials in use: what separation of duties compares.

    Raises
    ------
    Refused
        When the credentials are not a named person's: nobody could then be kept from approving their own work.
    """
    found = person_of(Identity(installation.caller))
    if isinstance(found, Nobody):
        raise Refused(f"credentials: {found.reason}, wanted a person's own session")
    return found.name


def _pin_image(installation: Installation, framework: str, version: str) -> tuple[str, str]:
    image = images.find(framework, version, installation.region)
    try:
        # BatchGetImage is what a pull uses, so whoever may run the image may ask for its digest.
        answer = installation.client("ecr").batch_get_image(
            registryId=image.account, repositoryName=image.repository, imageIds=[{"imageTag": image.tag}]
        )
    except ClientError as error:
        raise ImageUnknown(f"image {image.uri}: {error}; wanted its digest from ECR") from error
    found = [each["imageId"]["imageDigest"] for each in answer["images"]]
    if not found:
        reason = answer["failures"][0]["failureReason"] if answer.get("failures") else "no such image"
        raise ImageUnknown(f"image {image.uri}: {reason}; check image.framework and image.version in model.yaml")
    return image.pinned(found[0]), found[0]
