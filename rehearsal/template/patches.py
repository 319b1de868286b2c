"""What has to change in moto so that resources can be created as AWS creates them, and as fast as can be."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from rehearsal.patching import original, replace


def install() -> None:
    """Replace what moto does; harmless when it has been done before."""
    _load_parameter_store()
    from moto.kms import models as kms
    from moto.s3.models import FakeBucket

    name = "_log_permissions_enabled_policy"
    replace(FakeBucket, name, staticmethod(_log_permissions_enabled_policy), ("target_bucket", "target_prefix"))
    replace(kms, "generate_private_key", _generate_private_key, ("key_spec",))


class _Later:
    """moto's EC2 backends, loaded when somebody asks for one."""

    def __getitem__(self, account: str) -> Any:
        from moto.ec2.models import ec2_backends

        return ec2_backends[account]


def _load_parameter_store() -> None:
    """Load moto's SSM without EC2, which takes half a second and which SSM needs for managed instances only."""
    if "moto.ssm.models" in sys.modules or "moto.ec2" in sys.modules:
        return
    stand_in = ModuleType("moto.ec2")
    stand_in.ec2_backends = _Later()  # type: ignore[attr-defined]
    sys.modules["moto.ec2"] = stand_in
    try:
        from moto.ssm import models
    finally:
        del sys.modules["moto.ec2"]
    if not isinstance(models.ec2_backends, _Later):
        raise RuntimeError("moto.ssm.models.ec2_backends has changed: this was written for moto==5.2.5")  # noqa: TRY004


def _log_permissions_enabled_policy(target_bucket: Any, target_prefix: str | None) -> bool:  # noqa: ARG001 - moto's
    """Let PutBucketLogging pass, as S3 does: it looks at the target's policy when it delivers.

    moto looks for one particular statement, and fails at a statement whose principal is ``*``. The creator of buckets
    asks the policy itself.
    """
    return True


def _generate_private_key(key_spec: str) -> Any:
    """Leave out the RSA key, a tenth of a second, that moto makes for symmetric keys as well."""
    from moto.kms import models as kms

    return original(kms, "generate_private_key")(key_spec) if key_spec.startswith(("RSA", "ECC")) else None
