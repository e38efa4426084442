from __future__ import annotations

from datetime import datetime, timedelta, timezone
from xml.etree import ElementTree as ET

from indexapp.domain.rss import Item, render

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone(timedelta(hours=2)))


def _channel(body: bytes) -> ET.Element:
    root = ET.fromstring(body)
    assert (root.tag, root.get("version")) == ("rss", "2.0")
    channel = root.find("channel")
    assert channel is not None
    return channel


def test_a_feed_has_what_rss_asks_for() -> None:
    items = [Item("Acme 1.0", "https://tpi.example/main/project/acme/1.0/", "A tool", AT)]
    channel = _channel(render(title="main", link="https://tpi.example/", description="News", items=items))
    assert [channel.findtext(name) for name in ("title", "link", "description")] == [
        "main",
        "https://tpi.example/",
        "News",
    ]
    item = channel.find("item")
    assert item is not None
    assert {child.tag: child.text for child in item} == {
        "title": "Acme 1.0",
        "link": items[0].link,
        "guid": items[0].link,
        "description": "A tool",
        "pubDate": "Wed, 04 Mar 2026 03:06:07 GMT",
    }


def test_text_is_escaped_and_what_xml_cannot_hold_is_left_out() -> None:
    text = "a<b>&amp;]]>\x00\x0b\x1f\x7f\ud800\ufffe\N{SNOWMAN}\U0001f40d"
    channel = _channel(
        render(title=text, link="https://tpi.example/?a&b", description=text, items=[Item(text, "x", text, AT)])
    )
    assert channel.findtext("item/description") == "a<b>&amp;]]>\x7f\N{SNOWMAN}\U0001f40d"


def test_an_empty_feed_says_the_same_each_time() -> None:
    made = {render(title="a", link="b", description="", items=[]) for _ in range(2)}
    assert len(made) == 1
