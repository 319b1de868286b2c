"""What a check says: findings with their place, and what it looked at."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    """Something that must not be deployed. ``path`` is relative to the root of the tree that was checked."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        """Return it as editors and CI systems read it."""
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Result:
    """What one check found.

    Attributes
    ----------
    looked_at
        What and how much was checked, in words: nothing found means little when nothing was looked at.
    """

    looked_at: str
    findings: tuple[Finding, ...]


def result(looked_at: str, findings: list[Finding]) -> Result:
    """Return the findings in the order of their places, each once."""
    return Result(looked_at, tuple(sorted(set(findings))))
