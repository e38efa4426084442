"""``/rss/…``: the newest releases and projects of an index, and the newest releases of a project."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from accounts.domain.actors import Actor
from indexapp.domain.cache_control import page_cache_control, page_vary
from indexapp.domain.content_encoding import choose_encoding, encode
from indexapp.domain.etags import if_none_match, make_etag
from indexapp.domain.names import normalize_name
from indexapp.domain.rss import Item, render
from indexapp.services.feeds import names, recent
from indexapp.services.feeds.recent import Recent
from indexapp.services.serving import gate
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.project_documents import Addresses
from indexapp.services.serving.watermarks import Watermark
from indexapp.views.machine.messages import Question, Reply
from indexapp.views.machine.project_json import public_base, redirect
from indexapp.views.machine.simple import is_public, prefix, reader, sees_list_whole, visible_project
from tpi_site.kit.content_security import MACHINE_POLICY
from tpi_site.kit.errors import NotFound

_Find = Callable[[ServedIndex, Actor | None, Watermark], list[Recent]]
_FEEDS: dict[str, tuple[str, _Find]] = {
    "updates": ("newest releases", recent.releases),
    "packages": ("newest projects", recent.projects),
}


def of_index(question: Question, index_name: str | None, feed: str) -> Reply:
    """The newest releases or projects that the reader may see."""
    actor, index, watermark = reader(question, index_name)
    sees_all = sees_list_whole(actor, index, watermark)
    if not sees_all and not names.sees_something(index, actor):
        gate.refuse(actor, index.name)
    words, find = _FEEDS[feed]
    found = find(index, None if sees_all else actor, watermark)
    base = public_base(question)
    body = render(
        title=f"{index.name}: {words}",
        link=f"{base}/{index.name}/",
        description=f"The {words} of the index '{index.name}'",
        items=_items(found, Addresses(base, index.name)),
    )
    return _answer(question, body, is_private=not (sees_all and is_public(index)))


def of_project(question: Question, index_name: str | None, name: str) -> Reply:
    """The newest releases of one project."""
    actor, index, watermark = reader(question, index_name)
    normalized = normalize_name(name)
    page = visible_project(actor, index, name, watermark)
    if name != normalized:
        base = f"/{index_name}/rss" if index_name else "/rss"
        return redirect(f"{prefix()}{base}/project/{quote(normalized)}/releases.xml")
    if page.status == "quarantined":
        raise NotFound(f"The project '{normalized}' is quarantined; ask the index's admins why.", code="quarantined")
    addresses = Addresses(public_base(question), index.name)
    body = render(
        title=f"{normalized}: newest releases",
        link=addresses.project(normalized),
        description=f"The newest releases of '{normalized}' in the index '{index.name}'",
        items=_items(recent.of_project(page), addresses),
    )
    return _answer(question, body, is_private=not page.is_public)


def _items(found: list[Recent], addresses: Addresses) -> list[Item]:
    return [
        Item(
            f"{one.name} {one.version}".rstrip(),
            addresses.release(one.project, one.version) if one.version else addresses.project(one.project),
            one.summary,
            one.at,
        )
        for one in found
    ]


def _answer(question: Question, body: bytes, *, is_private: bool) -> Reply:
    coding = choose_encoding(question.accept_encoding)
    etag = make_etag(body, coding)
    headers = [
        ("Content-Type", "text/xml; charset=utf-8"),
        ("Cache-Control", page_cache_control(credentials_needed=is_private)),
        ("Vary", page_vary(credentials_needed=is_private)),
        ("Content-Security-Policy", MACHINE_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("ETag", etag),
    ]
    if if_none_match(question.if_none_match, etag):
        return Reply(304, headers[1:])
    encoded = encode(body, coding)
    if coding != "identity":
        headers.append(("Content-Encoding", coding))
    headers.append(("Content-Length", str(len(encoded))))
    return Reply(200, headers, b"" if question.is_head else encoded)
