"""Inline SVG from a few shapes. Colours are CSS classes, so that the page's light and dark themes apply.

A drawing is made for about 360 px, the width of a telephone; the page scales it up to twice that at most.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from muster_jobs.numbers import tick_text, ticks

WIDTH = 360


def text(x: float, y: float, words: str, classes: str = "", anchor: str = "start") -> str:
    """Return a line of text with its baseline at y."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{classes}"/>'


def dot(x: float, y: float, classes: str, radius: float = 3.5, title: str = "") -> str:
    """Return a filled circle; the title is shown on hovering."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{classes}">{inner}</circle>'


def bar(x: float, y: float, width: float, height: float, classes: str) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" rx="1.5" class="{classes}"/>'
    )


def path(points: Iterable[tuple[float, float]], classes: str) -> str:
    """Return a line through points."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{steps}" class="{classes}"/>'


def drawing(shapes: Iterable[str], height: float, label: str) -> str:
    """Return the SVG element; `label` is what a screen reader says."""
    inner = "".join(shapes)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">{inner}</svg>'


@dataclass
class Axes:
    """A rectangle with two linear scales.

    Attributes
    ----------
    x, y
        Range of each scale.
    x_title, y_title
        What the scales show; the y title stands above the axis, where it needs no turned text.
    height
        Of the whole drawing.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    x_title: str
    y_title: str
    height: float = 320
    left: float = 44
    right: float = 12
    top: float = 26
    bottom: float = 40
    shapes: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a pair of values."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            self.left + across * (WIDTH - self.left - self.right),
            self.height - self.bottom - up * (self.height - self.top - self.bottom),
        )

    def frame(self) -> list[str]:
        """Return grid lines, tick labels and titles."""
        shapes = []
        bottom = self.height - self.bottom
        for values, is_x in ((ticks(*self.x), True), (ticks(*self.y), False)):
            for value in values:
                x, y = self.at(value, self.y[0]) if is_x else self.at(self.x[0], value)
                if is_x:
                    shapes += [
                        line(x, self.top, x, bottom, "grid"),
                        text(x, bottom + 15, tick_text(value, values), "tick", "middle"),
                    ]
                else:
                    shapes += [
                        line(self.left, y, WIDTH - self.right, y, "grid"),
                        text(self.left - 6, y + 4, tick_text(value, values), "tick", "end"),
                    ]
        middle = (self.left + WIDTH - self.right) / 2
        shapes.append(text(middle, self.height - 6, self.x_title, "axis", "middle"))
        shapes.append(text(2, 13, self.y_title, "axis"))
        return shapes

    def curve(self, points: Iterable[tuple[float, float]], classes: str) -> None:
        """Draw a line through values."""
        self.shapes.append(path([self.at(x, y) for x, y in points], classes))

    def point(self, x: float, y: float, classes: str, radius: float = 3.5, title: str = "") -> None:
        """Draw a dot at values."""
        self.shapes.append(dot(*self.at(x, y), classes, radius, title))

    def whisker(self, x: float, low: float, high: float, classes: str) -> None:
        """Draw an upright interval at x."""
        (x1, y1), (_, y2) = self.at(x, low), self.at(x, high)
        self.shapes.append(line(x1, y1, x1, y2, classes))

    def render(self, label: str) -> str:
        """Return the drawing."""
        return drawing(self.frame() + self.shapes, self.height, label)
