"""From a rendered description to a part of our page.

The renderer's output is already sanitised; what remains is to fit it in: headings below ours, no image from outside
(the page's policy would block it, and loading it would tell a stranger who reads what), no landmarks, no address that
is relative to somewhere else, and scrolling parts that a keyboard reaches.  The result is sanitised once more, by the
list of what this module itself writes.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import Any

import nh3
from pygments.token import STANDARD_TYPES
from readme_renderer.clean import ALLOWED_TAGS

ID_PREFIX = "readme-"
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6", "h6": "h6"}
_NEUTRAL = {"section": "div", "aside": "div", "nav": "div", "picture": "span", "tt": "code", "acronym": "abbr"}
_RENAMED = {**_HEADINGS, **_NEUTRAL}
_VOID = frozenset({"br", "hr", "col"})
_KEPT_ATTRIBUTES = frozenset({"title", "colspan", "rowspan", "start"})
_ADMONITIONS = frozenset({"attention", "caution", "danger", "error", "hint", "important", "note", "tip", "warning"})
_PARTS = frozenset({"admonition", "admonition-title", "footnote", "label"})
_CLASSES = frozenset(STANDARD_TYPES.values()) | _ADMONITIONS | _PARTS
"""Of highlighting, admonitions and footnotes; with any other a description could dress up as a part of the site."""
_TAGS = ALLOWED_TAGS - {"img", "input", "h1", "h2"} - _NEUTRAL.keys()
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"id", "class", "title"},
    "a": {"href"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "div": {"tabindex", "role", "aria-label"},
    "pre": {"tabindex"},
}


def fit_in(html: str) -> str:
    """``html`` as a part of a page whose own headings end at level 2."""
    fitter = _Fitter()
    fitter.feed(html)
    fitter.close()
    return nh3.clean(
        "".join(fitter.out),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener",
    )


class _Fitter(HTMLParser):
    """Rewrites element by element; ``links`` remembers where open links began, to drop those without content."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.links: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "img":
            self._image(values)
        elif tag == "input":
            self.out.append("☑ " if "checked" in values else "☐ ")
        elif tag == "a":
            self._open_link(values)
        elif tag == "table":
            self.out.append('<div class="table-scroll" tabindex="0" role="region" aria-label="Table">')
            self._open("table", values)
        else:
            self._open(_RENAMED.get(tag, tag), values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._close_link()
        elif tag not in _VOID and tag not in ("img", "input"):
            self.out.append(f"</{_RENAMED.get(tag, tag)}>")
            if tag == "table":
                self.out.append("</div>")

    def handle_data(self, data: str) -> None:
        self.out.append(escape(data))

    def _open(self, tag: str, values: dict[str, Any]) -> None:
        kept = {name: value for name, value in values.items() if name in _KEPT_ATTRIBUTES}
        if values.get("id"):
            kept["id"] = ID_PREFIX + values["id"]
        if classes := [name for name in values.get("class", "").split() if name in _CLASSES]:
            kept["class"] = " ".join(classes)
        if tag == "pre":
            kept["tabindex"] = "0"
        self.out.append(_start_tag(tag, kept))

    def _image(self, values: dict[str, str]) -> None:
        """An image becomes its alternative text, linked to the image where it is not inside a link already."""
        source = values.get("src", "")
        text = values.get("alt", "").strip() or source.rpartition("/")[2].partition("?")[0] or "image"
        if self.links or not _is_absolute(source):
            self.out.append(f'<span class="readme-image">{escape(text)}</span>')
        else:
            self.out.append(_start_tag("a", {"class": "readme-image", "href": source}) + f"{escape(text)}</a>")

    def _open_link(self, values: dict[str, str]) -> None:
        href = values.get("href", "")
        kept = {"title": values["title"]} if values.get("title") else {}
        if href.startswith("#") and len(href) > 1:
            kept["href"] = f"#{ID_PREFIX}{href[1:]}"
        elif _is_absolute(href) or href.lower().startswith("mailto:"):
            kept["href"] = href
        identity = ID_PREFIX + values["id"] if values.get("id") else ""
        if identity:
            kept["id"] = identity
        self.links.append((len(self.out), identity))
        self.out.append(_start_tag("a", kept))

    def _close_link(self) -> None:
        if not self.links:
            return
        start, identity = self.links.pop()
        if "".join(self.out[start + 1 :]).strip():
            self.out.append("</a>")
            return
        self.out[start:] = [f'<span id="{escape(identity)}"></span>'] if identity else []


def _is_absolute(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _start_tag(tag: str, attributes: dict[str, str]) -> str:
    return f"<{tag}" + "".join(f' {name}="{escape(value)}"' for name, value in attributes.items()) + ">"
