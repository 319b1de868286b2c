"""The documents as tests read them: every page, its fenced blocks, its links and its anchors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs.generate.markdown import anchor

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its fence, its text, and the line where it begins."""

    info: str
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info.split()[0] if self.info else ""


@cache
def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in their order."""
    return [
        Block(each.info.strip(), each.content, (each.map or [0])[0] + 1)
        for each in _tokens(page)
        if each.type == "fence"
    ]


def commands(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of the shell blocks with their numbers: continued lines joined, comments and prompts away."""
    for block in blocks(page):
        if block.language != "sh":
            continue
        held, start = "", block.line
        for number, line in enumerate(block.text.splitlines(), block.line + 1):
            start = start if held else number
            held += line.removesuffix("\\")
            if not line.endswith("\\"):
                yield start, held.partition("  #")[0].strip()
                held = ""


def code_spans(page: Path) -> Iterator[str]:
    """Yield what stands between backticks in running text."""
    for token in _tokens(page):
        yield from (each.content for each in token.children or () if each.type == "code_inline")


def links(page: Path) -> Iterator[str]:
    """Yield the targets of links and images."""
    for token in _tokens(page):
        for each in token.children or ():
            target = each.attrGet("href") if each.type == "link_open" else each.attrGet("src")
            if target:
                yield str(target)


@cache
def anchors(page: Path) -> list[str]:
    """Return the anchors of a page's headings, as GitHub makes them where no two headings are the same."""
    return [anchor(after.content) for token, after in pairwise(_tokens(page)) if token.type == "heading_open"]
