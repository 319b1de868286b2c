"""Task tokens at rest: encrypted with the ledger's key, bound to their package.

Whoever holds a token can end the wait, so it never leaves the account and never stands in the ledger in clear. The
encryption context makes a token that was copied to another package's item useless.
"""

import base64

from muster.aws.clients import Client, client
from muster.errors import ContractError
from muster.settings import Settings

_KMS_LIMIT = 4096
"""Bytes that KMS encrypts directly (KMS API reference, Encrypt). Step Functions' tokens stay below 1 KiB."""


class TokenVault:
    """Encrypts and decrypts task tokens."""

    def __init__(self, kms: Client, key_arn: str) -> None:
        self._kms = kms
        self._key_arn = key_arn

    @classmethod
    def of(cls, settings: Settings) -> "TokenVault":
        """Return the vault of an installation."""
        return cls(client("kms"), settings.ledger_key_arn)

    def encrypt(self, token: str, package_arn: str) -> str:
        """Return the ciphertext in base64."""
        plain = token.encode()
        if not 0 < len(plain) <= _KMS_LIMIT:
            raise ContractError(f"token: found {len(plain)} bytes, wanted 1 to {_KMS_LIMIT}")
        answer = self._kms.encrypt(KeyId=self._key_arn, Plaintext=plain, EncryptionContext=_context(package_arn))
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def decrypt(self, ciphertext: str, package_arn: str) -> str:
        """Return the token that was encrypted for this package."""
        answer = self._kms.decrypt(
            KeyId=self._key_arn, CiphertextBlob=base64.b64decode(ciphertext), EncryptionContext=_context(package_arn)
        )
        return str(answer["Plaintext"].decode())


def _context(package_arn: str) -> dict[str, str]:
    return {"muster:package": package_arn}
