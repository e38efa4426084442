"""RSS 2.0, as feed readers take it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from indexapp.domain.xml_text import xml_text


@dataclass(frozen=True, slots=True)
class Item:
    """One entry; ``link`` is its address for people and names it for ever."""

    title: str
    link: str
    description: str
    at: datetime


def render(*, title: str, link: str, description: str, items: Iterable[Item]) -> bytes:
    """Return the feed, the items in the order given; it says of no time but those of its items."""
    entries = "".join([_entry(item) for item in items])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">\n<channel>\n'
        f"<title>{xml_text(title)}</title>\n<link>{xml_text(link)}</link>\n"
        f"<description>{xml_text(description)}</description>\n<language>en</language>\n"
        f"{entries}</channel>\n</rss>\n"
    ).encode()


def _entry(item: Item) -> str:
    link = xml_text(item.link)
    return (
        f"<item>\n<title>{xml_text(item.title)}</title>\n<link>{link}</link>\n<guid>{link}</guid>\n"
        f"<description>{xml_text(item.description)}</description>\n"
        f"<pubDate>{format_datetime(item.at.astimezone(UTC), usegmt=True)}</pubDate>\n</item>\n"
    )
