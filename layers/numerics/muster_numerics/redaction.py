"""Redaction: values of controlled fields leave the parser as digests or not at all.

Words are replaced where they are read, in the baseline's data and in every window's, so that states, decisions, reports
and metrics never hold them and still compare. Numbers are counted, and `muster_numerics.formats_statistics` writes none
of a controlled field. The quarantine keeps no text of a schema with a controlled field (`muster_numerics.poison`).
"""

import hmac
from dataclasses import dataclass, field, replace

from muster_numerics.columns import Categorical, Columns

DIGEST_BYTES = 6
"""Short enough to read; two of a million words share one with a chance of 1 in 500."""
LEAST_KEY_BYTES = 16
MOST_KEY_BYTES = 64  # a block of SHA-256: a longer key would be hashed first


@dataclass(frozen=True)
class Redaction:
    """Which fields are controlled, and how their words are replaced.

    Attributes
    ----------
    controlled
        Names of the fields.
    key
        Of the digests, the same for a baseline and its windows. Who knows it can find words out by trying them: a field
        of few words is hidden by the key alone, so keep it where the data's own key is kept.

    Raises
    ------
    ValueError
        If a field is controlled and the key is no 16 to 64 bytes.
    """

    controlled: frozenset[str] = frozenset()
    key: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.controlled and not LEAST_KEY_BYTES <= len(self.key) <= MOST_KEY_BYTES:
            raise ValueError(
                f"redaction: the key has {len(self.key)} bytes, wanted {LEAST_KEY_BYTES} to {MOST_KEY_BYTES}: "
                "a field is controlled and its words are hidden by it"
            )

    def word(self, column: str, word: str) -> str:
        """Return what stands for a word of a controlled field: 12 hexadecimal digits of HMAC-SHA256 after a number sign."""
        # The name is part of it, so that one word in two fields does not show as one.
        said = f"{len(column)}:{column}{word}".encode(errors="replace")
        return "#" + hmac.digest(self.key, said, "sha256")[:DIGEST_BYTES].hex()


def redacted(columns: Columns, redaction: Redaction) -> Columns:
    """Return the columns with the words of controlled fields replaced."""
    return {
        name: replace(column, levels=tuple(redaction.word(name, word) for word in column.levels))
        if name in redaction.controlled and isinstance(column, Categorical)
        else column
        for name, column in columns.items()
    }
