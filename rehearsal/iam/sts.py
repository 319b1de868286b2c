"""STS in moto knows only the sessions it made itself: AssumeRole opens one of ours, GetCallerIdentity finds it."""

from __future__ import annotations

from typing import Any

from rehearsal import host as hosts
from rehearsal.iam.errors import UnknownCredentials
from rehearsal.iam.identities import is_own
from rehearsal.patching import original, replace


def install() -> None:
    """Replace the two operations of moto."""
    from moto.sts.models import STSBackend
    from moto.sts.responses import TokenResponse

    assume_role = original(TokenResponse, "assume_role")
    identify = original(STSBackend, "get_caller_identity")

    def _assume_role(self: Any) -> Any:
        """Open a session with moto's new keys; its source identity is the caller's, or the one that is asked for."""
        answer = assume_role(self)
        made = answer.result["Credentials"]
        iam = hosts.current().iam
        caller = iam.caller()
        identity = (caller.source_identity if caller else None) or self._get_param("SourceIdentity")
        keys = (made.access_key_id, made.secret_access_key, made.session_token)
        policy = self._get_param("Policy") or ""
        session = iam.open(made.role_arn, made.session_name, "", identity, keys, policy)
        answer.result["AssumedRoleUser"] = {"AssumedRoleId": session.principal_id, "Arn": session.arn}
        if identity:
            answer.result["SourceIdentity"] = identity
        return answer

    def _get_caller_identity(self: Any, access_key_id: str, region: str) -> tuple[str, str, str]:
        host = hosts.current()
        if is_own(access_key_id):
            return host.account, host.arn("iam", "root", region=""), host.account
        try:
            session = host.iam.session(access_key_id)
        except UnknownCredentials:
            return identify(self, access_key_id, region)  # type: ignore[no-any-return]
        return session.principal_id, session.arn, session.account

    replace(TokenResponse, "assume_role", _assume_role, ("self",))
    replace(STSBackend, "get_caller_identity", _get_caller_identity, ("self", "access_key_id", "region"))
