"""HTML that cannot be broken by what it tells: whatever is not `Html` already is escaped."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from muster_jobs.numbers import number

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z")
SPACES = "\u00a0\u202f"
"""Those that do not break, as numbers have them."""


class Html(str):
    """Markup, as opposed to text."""

    __slots__ = ()


def html(value: object) -> Html:
    """Return a value as markup: text is escaped, None is nothing."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(printable(str(value))))


def printable(text: str) -> str:
    """Return text without what no page can hold: control characters, lone surrogates, marks that turn text round."""
    return "".join(each if each.isprintable() or each in SPACES else "\ufffd" for each in text)


def tag(name: str, *inner: object, **attributes: str | None) -> Html:
    """Return an element. Attributes are named as in Python: ``class_``, ``aria_label``; None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>{join(inner)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Return the parts as markup, one after the other."""
    return Html("".join(html(each) for each in parts))


def section(title: str, reading: object, *parts: object) -> Html:
    """Return a section: a heading, a sentence to read it by, figures."""
    return tag("section", tag("h2", title), tag("p", reading, class_="reading") if reading else "", *parts)


def grid(*panels: object, class_: str = "") -> Html:
    """Return panels side by side, as many as fit."""
    return tag("div", *panels, class_=f"grid {class_}".rstrip())


def panel(title: object, *inner: object, class_: str = "") -> Html:
    """Return a framed figure."""
    return tag("div", tag("h3", title), *inner, class_=f"panel {class_}".rstrip())


def table(head: Sequence[object], rows: Iterable[Sequence[object]], caption: str, class_: str | None = None) -> Html:
    """Return a table; the first cell of each row heads it."""
    body = (tag("tr", tag("th", row[0], scope="row"), *(tag("td", each) for each in row[1:])) for row in rows)
    heads = (tag("th", each, scope="col") for each in head)
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *body),
        class_=class_,
    )
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def listing(items: Iterable[object], class_: str | None = None) -> Html:
    """Return a list."""
    return tag("ul", *(tag("li", each) for each in items), class_=class_)


def facts(pairs: Iterable[tuple[object, object]]) -> Html:
    """Return names with what they stand for."""
    return tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in pairs))


def code(value: object) -> Html:
    """Return an identifier."""
    return tag("code", value)


# -- numbers and times -------------------------------------------------------------------------------------------------
def whole(value: int) -> str:
    """Return a number of things: 1 204 333."""
    return f"{value:,}".replace(",", "\u202f")


def share(value: float | None) -> str:
    """Return a share in percent, with the digits that it needs to be told from 0 and 1."""
    if value is None:
        return "–"
    percent = 100 * value
    if percent in (0, 100):
        return f"{percent:.0f}\u00a0%"
    if percent < 0.01:
        return "<\u202f0.01\u00a0%"
    if percent > 99.99:
        return ">\u202f99.99\u00a0%"
    return f"{percent:.2f}\u00a0%" if percent < 1 or percent > 99 else f"{percent:.1f}\u00a0%"


def bound(value: float) -> str:
    """Return a share that was set, as it was set: 5 %."""
    return f"{100 * value:g}\u00a0%"


def p_text(p: float) -> str:
    """Return a p-value; very small ones are only bounded."""
    return "<\u202f0.0001" if p < 0.0001 else f"{p:.2g}"


def size(value: float | None) -> str:
    """Return an effect, to three digits after the point."""
    return "–" if value is None else f"{value:.3f}" if abs(value) < 1000 else number(value)


def estimate(value: float | None, low: float | None, high: float | None, reason: str | None = None) -> Html:
    """Return a figure with its interval below it, or why there is none."""
    if value is None:
        return join(("–", tag("small", reason) if reason else ""))
    ends = "" if low is None else f"{number(low)} to\u00a0{number(high)}"
    return join((number(value), tag("small", ends)))


def bytes_text(count: int) -> str:
    """Return a size of files."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f}\u00a0{unit}"
    return f"{count}\u00a0B"


def with_times(words: str) -> str:
    """Return a sentence with its times as a person reads them."""
    return TIME.sub(lambda found: time_text(found[0]), words)


def plain(reason: str) -> str:
    """Return a reason of a decision as a page says it."""
    return reason.replace("p < ", "p\u00a0<\u00a0")


def sentence(words: str) -> str:
    """Return words as a sentence."""
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def moment(iso: str) -> datetime:
    """Return a time of the document; Python 3.10 reads no ``Z``."""
    return datetime.fromisoformat(iso.replace("Z", "+00:00"))


def time_text(iso: str) -> str:
    """Return a time in UTC: 21 Nov 2026, 09:00."""
    at = moment(iso)
    return f"{at.day} {at:%b %Y, %H:%M}"


def window_text(window: dict[str, str]) -> str:
    """Return a window: 21 Nov 2026, 09:00 to 10:00 UTC."""
    start, end = moment(window["start"]), moment(window["end"])
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{end.day} {end:%b, %H:%M}"
    return f"{start.day} {start:%b %Y, %H:%M} to {last} UTC"
