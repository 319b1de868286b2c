"""Every relative link of a document leads somewhere, and every anchor is a heading."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_and_anchors_resolve(page: Path) -> None:
    broken = []
    for target in links(page):
        if target.startswith(("https:", "http:", "mailto:")):
            continue
        path, _, name = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or not file.is_relative_to(ROOT):
            broken.append(f"{target}: no such file")
        elif name and name not in anchors(file):
            broken.append(f"{target}: no such heading")
    assert not broken, f"{page.name}: {'; '.join(broken)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_differ_so_that_anchors_are_plain(page: Path) -> None:
    # Links name headings by their text; a second heading of a name would get another anchor.
    twice = [name for name, count in Counter(anchors(page)).items() if count > 1]
    assert not twice


def test_every_document_is_reachable_from_the_readme() -> None:
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        waiting += [(page.parent / each.partition("#")[0]).resolve() for each in links(page) if "://" not in each]
    assert set(PAGES) <= seen, f"nobody links to {', '.join(str(each.relative_to(ROOT)) for each in set(PAGES) - seen)}"
