"""The README's first screen: the demo's excerpt is what the demo's own texts say, and what it promises is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.docs.pages import ROOT, blocks, links

README = ROOT / "README.md"
DEMO = ROOT / "ops" / "demo"
EXCERPT = next(each.text for each in blocks(README) if each.language == "text").splitlines()


def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(DEMO.glob("*.py"))]


def returned() -> dict[str, ast.expr]:
    """Return what each one-line function of the demo returns, so that a text made of others can be read whole."""
    found: dict[str, ast.expr] = {}
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return) and node.body[-1].value:
                found[node.name] = node.body[-1].value
    return found


RETURNED = returned()


def pattern(text: ast.expr) -> str:
    """Return a regular expression for a text: its fixed words as they stand, anything where a value is put in."""
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return re.escape(text.value)
    if isinstance(text, ast.JoinedStr):
        return "".join(pattern(each) for each in text.values)
    if isinstance(text, ast.FormattedValue):
        return pattern(text.value)
    if isinstance(text, ast.Call) and isinstance(text.func, ast.Attribute) and text.func.attr in RETURNED:
        return pattern(RETURNED[text.func.attr])
    return ".+"


def said() -> Iterator[str]:
    """Yield the pattern of each line that the demo may print."""
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                if node.func.attr == "line":
                    yield rf"\d  {pattern(node.args[0])}  [\d.]+ s"
                elif node.func.attr == "say" and len(re.findall(r"[a-z]", pattern(node.args[0]))) >= 10:
                    yield f"     {pattern(node.args[0])}"


PATTERNS = list(said())


def test_the_excerpt_has_twelve_lines() -> None:
    assert len(EXCERPT) == 12


@pytest.mark.parametrize("line", EXCERPT)
def test_a_line_of_the_excerpt_is_one_that_the_demo_prints(line: str) -> None:
    assert any(re.fullmatch(each, line) for each in PATTERNS), f"nothing in ops/demo says this: {line}"


@pytest.mark.parametrize(
    "line",
    ["3  A third person approves  0.2 s", "     approved by alex; traffic 0 → 100 %, no request failed", "     x: y"],
)
def test_a_line_that_the_demo_does_not_print_is_found(line: str) -> None:
    assert not any(re.fullmatch(each, line) for each in PATTERNS)


def test_everybody_finds_their_page() -> None:
    # Given the table "I am a …", then each of the four kinds of people has exactly one document of their own.
    rows = re.findall(
        r"^\| (platform engineer|data scientist|approver|assessor) \| (.+) \|$", README.read_text(), re.MULTILINE
    )
    assert [kind for kind, _ in rows] == ["platform engineer", "data scientist", "approver", "assessor"]
    for kind, cell in rows:
        assert cell.count("](docs/") == 1, kind


def test_the_picture_is_an_svg_that_reads_without_its_colours() -> None:
    picture = next(each for each in links(README) if each.endswith(".svg"))
    text = (ROOT / picture).read_text(encoding="utf-8")
    # A title and a description for whoever hears it, a page of its own in light and dark.
    for part in ("<title", "<desc", 'role="img"', "prefers-color-scheme: dark", 'class="page"'):
        assert part in text, part
    assert not re.search(r"(?:href|src)=|url\((?!#)|<script", text), "a picture on GitHub loads nothing"


def test_the_status_says_what_was_never_done() -> None:
    status = re.search(r"> \*\*Status\.\*\*.*?\n\n", README.read_text(), re.DOTALL)
    assert status is not None
    for words in ("in rehearsal", "botocore", "Never run on live GovCloud"):
        assert words in status[0]
