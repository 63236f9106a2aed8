"""Pieces of SVG as texts: an element, a label, a drawing. Whatever is written becomes text, never markup."""

from collections.abc import Sequence
from html import escape

WIDTH = 540


def element(tag: str, style: str, about: str = "", **places: float) -> str:
    """Return an element with its class and attributes; ``about`` shows when it is pointed at."""
    attributes = " ".join(f'{name}="{value:.1f}"' for name, value in places.items())
    inside = f"<title>{escape(about)}</title>" if about else ""
    return f'<{tag} class="{style}" {attributes}>{inside}</{tag}>'


def label(x: float, y: float, text: str, style: str) -> str:
    """Return a text at a place; its class says what of it is there, its middle by default."""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def drawing(about: str, high: float, parts: Sequence[str]) -> str:
    """Return a drawing as wide as there is room; ``about`` is read to those who do not see it."""
    return f'<svg role="img" aria-label="{escape(about)}" viewBox="0 0 {WIDTH} {high:g}">{"".join(parts)}</svg>'


def legend(keys: Sequence[tuple[str, str]]) -> str:
    """Return names beside their marks, of which the classes are given."""
    shown = "".join(f'<span><i class="{style}"></i>{escape(name)}</span>' for style, name in keys)
    return f'<p class="legend">{shown}</p>'
