"""A copy of what deploys, to be broken in one place: what the checks say of it is what they would say of the real one."""

import shutil
from pathlib import Path

from checks.findings import Finding
from checks.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
_COPIED = (
    "template.yaml",
    "samconfig.toml",
    "policy.yaml",
    "stacks",
    "state_machines",
    "functions",
    "layers/muster/muster",
    "layers/numerics",
    "jobs",
    "models",
    "ops/scaffold",
    "events",
)


class BrokenTree:
    """A copy below a folder. Paths are relative to it, and to the checkout. Shared by tests: each mends what it broke."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self._whole: dict[Path, str] = {}
        for name in _COPIED:
            source, target = ROOT / name, self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.csv"))
            else:
                shutil.copy(source, target)

    @property
    def tree(self) -> Tree:
        """What a check takes; read anew, so after all changes."""
        return Tree(self.root)

    def change(self, path: str, old: str, new: str, after: str = "") -> str:
        """Replace the first `old` that follows `after`, and return ``path:line`` of it.

        The text has to be there, and on one line: a fault that was not injected proves nothing.
        """
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        self._whole.setdefault(file, text)
        start = text.index(old, text.index(after))
        file.write_text(text[:start] + new + text[start + len(old) :], encoding="utf-8")
        return f"{path}:{text[:start].count(chr(10)) + 1}"

    def mend(self) -> None:
        """Undo every change."""
        for file, text in self._whole.items():
            file.write_text(text, encoding="utf-8")
        self._whole.clear()


def places(findings: tuple[Finding, ...]) -> list[str]:
    """Return ``path:line`` of each finding."""
    return [f"{finding.path}:{finding.line}" for finding in findings]
