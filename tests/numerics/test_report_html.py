"""The page of every kind of run: it parses, loads nothing, says what the document says, and no data can break it."""

import copy
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster_numerics.report_html import render
from muster_numerics.report_markup import Html, html, p_text, share, tag, window_text
from tests.numerics import report_scenes as scenes
from tests.numerics.report_scenes import Scene

DOCUMENTS = scenes.scenes()
KINDS = sorted(DOCUMENTS)
VOID = {"meta", "br", "hr", "input"}
CLOSED = {"rect", "line", "circle", "polyline"}  # written as <rect ... />
ALLOWED = {
    *[
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "section",
        "h1",
        "h2",
        "h3",
        "p",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "span",
        "strong",
        "small",
        "code",
    ],
    *["table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "g", "text"],
    *CLOSED,
}


class Page(HTMLParser):
    """Reads a page and refuses one that is not well formed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment")


def read(page: str) -> Page:
    found = Page()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def assert_harmless(page: Page) -> None:
    assert {tag for tag, _ in page.tags} <= ALLOWED
    for name, attributes in page.tags:
        assert not [
            each for each in attributes if each.startswith("on") or each in ("href", "src", "srcset", "xlink:href")
        ]
        if name == "meta" and "http-equiv" in attributes:
            assert attributes["http-equiv"] == "Content-Security-Policy"
            assert (attributes["content"] or "").startswith("default-src 'none'")
        style = attributes.get("style")
        assert style is None or re.fullmatch(r"opacity:\d\.\d\d", style)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_well_formed_self_contained_and_begins_with_the_verdict(kind):
    text = render(DOCUMENTS[kind])
    page = read(text)
    assert_harmless(page)
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"https?://", text)
    sections = [attributes.get("class") for name, attributes in page.tags if name == "section"]
    assert sections[0] == f"verdict {DOCUMENTS[kind]['outcome']}"


@pytest.mark.parametrize("kind", KINDS)
def test_tables_have_headers_and_drawings_have_words(kind):
    page = read(render(DOCUMENTS[kind]))
    for name, attributes in page.tags:
        if name == "th":
            assert attributes["scope"] in ("col", "row")
        if name == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
    names = [name for name, _ in page.tags]
    assert names.count("table") == names.count("caption")
    assert names.count("h1") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_the_document_says(kind):
    document = DOCUMENTS[kind]
    said = " ".join(read(render(document)).text)
    for words in (document["headline"], document["watched"]["package_arn"], document["evidence_uri"]):
        assert words in said
    for column in document["columns"]:
        assert column["name"] in said
    for each in document["assumptions"]:
        assert each[1:] in said


def test_every_column_is_shown_once_large_or_small_and_in_the_table():
    for kind in ("drift35", "drift200", "none35"):
        page = read(render(DOCUMENTS[kind]))
        labels = [attributes["aria-label"] for name, attributes in page.tags if name == "svg"]
        for column in DOCUMENTS[kind]["columns"]:
            wanted = f"{column['name']}: share of rows in the baseline and in the window"
            assert labels.count(wanted) == (1 if column["role"] == "feature" or column["verdict"] != "none" else 2), (
                wanted
            )


def test_colour_is_never_alone():
    said = " ".join(read(render(DOCUMENTS["drift"])).text)
    for word in ("moved", "worse", "beyond the limit", "not judged", "Drift confirmed"):
        assert word in said


def test_masked_values_never_appear():
    page = render(DOCUMENTS["controlled"])
    for word in ("norwood", "sutton", "easton", "weston", "field hospital"):
        assert word not in page
    assert "values are not shown" in page
    plain = Scene(shift=0.3, changes={"missing": 0.09, "new": 0.02}, more={"history": scenes.history()}).document
    seen = " ".join(read(page).text)
    for column in plain["columns"]:
        if column["name"] in ("mean_0", "area_3"):
            for side in ("baseline", "window"):
                for name in ("mean", "low", "high"):
                    assert f"{column[side][name]:.3f}" not in seen


def test_a_rank_far_down_makes_no_long_drawing():
    page = read(render(DOCUMENTS["drift"]))
    (box,) = [
        each["viewbox"] for name, each in page.tags if name == "svg" and "Rank of each" in (each["aria-label"] or "")
    ]
    assert float((box or "").split()[3]) < 400
    said = " ".join(page.text)
    assert said.count("further down") == 2
    assert "4 → 40" in said


def test_a_batch_says_so():
    said = " ".join(read(render(DOCUMENTS["batch"])).text)
    assert "report of a batch" in said
    assert "Drift confirmed" not in said
    assert "Batch of" in said


hostile = st.one_of(
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</style><script>x</script>",
            "<!--",
            "-->",
            "]]>",
            "&lt;b&gt;",
            "' onmouseover='x",
            "</svg><a href='http://x'>",
            "\u202eevil",
            "\x00\x1b[31m",
            "\ud800",
            "a" * 500,
            "$&`${x}",
        ]
    ),
    st.text(max_size=80),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_the_data_are_called_it_is_text(data):
    # Given a document in which every name, word and sentence that comes from outside is hostile
    document = copy.deepcopy(DOCUMENTS["drift"])
    one = data.draw(hostile)
    document["watched"] |= {"endpoint": one, "model": one, "package_arn": data.draw(hostile)}
    document["reasons"] = [data.draw(hostile), f"{one}: {one}"]
    document["headline"] = one
    document["assumptions"] = [one]
    document["evidence_uri"] = one
    document["confirmation"]["reason"] = one
    document["data"]["gaps"] = [one]
    document["data"]["poison"] = {one: 3}
    document["data"]["findings"] = [
        {"kind": "extra_column", "column": one, "rows": 1, "share": 0.1, "breach": False, "text": one}
    ]
    for column in document["columns"]:
        column["name"] = data.draw(hostile)
        column["reasons"] = [data.draw(hostile)]
        if column["cells"]["labels"]:
            column["cells"]["labels"][0] = data.draw(hostile)
            column["new_words"] = {data.draw(hostile): 5}
    for metric in document["quality"]["metrics"]:
        metric |= {"name": data.draw(hostile), "reason": one}
    for each in document["quality"]["bias"]:
        each |= {"column": one, "group": data.draw(hostile), "reason": one}
    document["quality"]["reason"] = document["attribution"]["reason"] = one
    for each in document["attribution"]["features"]:
        each["name"] = data.draw(hostile)
    for window in document["history"]:
        window["columns"] = {data.draw(hostile): [0.1, 0.2]}
        window["outcome"] = one
    # When it is rendered ; Then the page is as well formed and as harmless as any
    page = render(document)
    page.encode("utf-8")
    assert_harmless(read(page))


@given(st.text())
def test_markup_is_escaped_unless_it_is_markup(text):
    page = Page()
    page.feed(tag("p", text, title=text))
    page.close()
    assert [name for name, _ in page.tags] == ["p"]
    assert html(Html("<b>")) == "<b>"


def test_shares_and_p_values_never_round_to_what_they_are_not():
    assert share(0) == "0\u00a0%"
    assert share(1) == "100\u00a0%"
    assert share(0.00001) == "<\u202f0.01\u00a0%"
    assert share(0.99999) == ">\u202f99.99\u00a0%"
    assert p_text(1e-30) == "<\u202f0.0001"
    assert p_text(0.032) == "0.032"


def test_windows_are_told_in_utc_with_their_days():
    assert window_text({"start": "2026-11-21T09:00:00.000Z", "end": "2026-11-21T10:30:00.000Z"}) == (
        "21 Nov 2026, 09:00 to 10:30 UTC"
    )
    assert window_text({"start": "2026-11-21T23:00:00Z", "end": "2026-11-22T01:00:00Z"}).endswith(
        "to 22 Nov, 01:00 UTC"
    )


def test_the_same_run_gives_the_same_page():
    scene = Scene(controlled=("site",))
    assert render(scene.document) == render(scene.document)
