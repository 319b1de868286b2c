"""The key that a model's controlled words are digested with: made at random once, kept beside the data it protects.

Who may read the records bucket may read the training data too; reports go to others, who see digests and not this key.
One key per model, so that a word has the same digest in the baselines and windows of all its versions.
"""

import secrets

from muster.aws.s3 import ObjectStore
from muster.contracts.documents import DocumentRef
from muster.digests import sha256
from muster.errors import NotFound
from muster.naming import redaction_key_key, s3_uri
from muster.settings import Settings

KEY_BYTES = 32


def ensure(store: ObjectStore, settings: Settings, model: str) -> tuple[DocumentRef, bytes]:
    """Return a model's key, which is made when there is none yet; of two at once the first to write makes it."""
    uri = s3_uri(settings.records_bucket, redaction_key_key(model))
    try:
        key = store.read(uri)
    except NotFound:
        store.create(uri, secrets.token_bytes(KEY_BYTES), "application/octet-stream")
        key = store.read(uri)
    store.write(uri, key, "application/octet-stream", locked=True)  # the same bytes: only held for longer
    return DocumentRef(uri=uri, digest=sha256(key)), key
