"""Events of S3 objects, as S3 User Guide, "EventBridge event message structure", has them."""

from __future__ import annotations

import uuid
from typing import Any

from rehearsal.host import Host

#: Last part of the notification's name -> (detail-type, reason).
_EVENTS = {
    "ObjectCreated:Put": ("Object Created", "PutObject"),
    "ObjectCreated:Post": ("Object Created", "POST Object"),
    "ObjectCreated:Copy": ("Object Created", "CopyObject"),
    "ObjectCreated:CompleteMultipartUpload": ("Object Created", "CompleteMultipartUpload"),
    "ObjectRemoved:Delete": ("Object Deleted", "DeleteObject"),
    "ObjectRemoved:DeleteMarkerCreated": ("Object Deleted", "DeleteObject"),
    "ObjectAcl:Put": ("Object ACL Updated", ""),
    "ObjectTagging:Put": ("Object Tags Added", ""),
    "ObjectTagging:Delete": ("Object Tags Deleted", ""),
}
_DELETIONS = {
    "ObjectRemoved:Delete": "Permanently Deleted",
    "ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}


def event_of_object(host: Host, bucket: Any, event_name: str, key: Any) -> tuple[str, dict[str, Any]]:
    """Return detail-type and detail for moto's notification of an object.

    Parameters
    ----------
    event_name
        Such as ``s3:ObjectCreated:Put``.

    Raises
    ------
    KeyError
        For a notification that is not rehearsed (restores, tiers, replication).
    """
    name = str(getattr(event_name, "value", event_name)).removeprefix("s3:")
    detail_type, reason = _EVENTS[name]
    stored: dict[str, Any] = {"key": key.name}
    if detail_type == "Object Created":
        stored |= {"size": key.size, "etag": key.etag.strip('"')}
    if bucket.is_versioned and getattr(key, "version_id", None):
        stored["version-id"] = str(key.version_id)
    if detail_type != "Object ACL Updated":
        stored["sequencer"] = f"{int(host.clock.time() * 1e6):016X}"
    caller = host.iam.caller()
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": stored,
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": caller.account if caller is not None else host.account,
        "source-ip-address": "127.0.0.1",
    }
    if reason:
        detail["reason"] = reason
    if name in _DELETIONS:
        detail["deletion-type"] = _DELETIONS[name]
    return detail_type, detail
