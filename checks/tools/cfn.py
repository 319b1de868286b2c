"""cfn-lint, for the region that Muster is deployed to."""

from pathlib import Path

from checks.tools import templates
from checks.tools.report import REGION, Report, command, package, run, unexpected


def lint(root: Path) -> Report:
    """Lint every template: unknown types and properties, and types that the region does not have (E3006)."""
    tool = package("cfn-lint")
    paths = [str(path.relative_to(root)) for path in templates.sources(root)]
    ended = run([command("cfn-lint"), "--regions", REGION, "--format", "parseable", "--", *paths], root)
    lines = tuple(_finding(line) for line in ended.stdout.splitlines() if line.strip())
    if ended.returncode and not lines:
        return unexpected(tool, ended)
    return Report(tool, f"{len(paths)} templates, {REGION}", lines)


def _finding(line: str) -> str:
    """Turn ``path:line:column:line:column:rule:message`` into ``path:line: rule message``."""
    path, number, _, _, _, rule, message = line.split(":", 6)
    return f"{path}:{number}: {rule} {message}"
