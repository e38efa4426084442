"""The Simple repository API: the list of projects and the page of one (PEP 503, 691 and those that followed)."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import parse_qs, quote

from django.conf import settings

from accounts.domain.actors import Actor
from indexapp.domain.cache_control import page_cache_control, page_vary
from indexapp.domain.content_encoding import choose_encoding
from indexapp.domain.etags import if_none_match
from indexapp.domain.names import is_valid_name, normalize_name
from indexapp.domain.negotiation import SimpleType, negotiate_simple
from indexapp.services.mirrors import pages as mirrors
from indexapp.services.serving import gate, index_map, project_pages, root_lists, watermarks
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.project_pages import Rendered, ServedProject
from indexapp.services.serving.watermarks import Watermark
from indexapp.views.machine.messages import Question, Reply
from tpi_site.kit.content_security import MACHINE_POLICY
from tpi_site.kit.errors import NotFound

NO_PROJECT = "The index has no project of this name; check the spelling, or publish it first."
NO_INDEX = "There is no index of this name; check the spelling."
_PAGE_HEADERS = (("Content-Security-Policy", MACHINE_POLICY), ("X-Content-Type-Options", "nosniff"))


def prefix() -> str:
    """The path prefix of the installation's public address, without a final slash."""
    return settings.FORCE_SCRIPT_NAME or ""


def reader(question: Question, index_name: str | None) -> tuple[Actor, ServedIndex, Watermark]:
    """Who asks, and of which index (None is the default one); refuses an unknown index as one that is not theirs.

    The actor is as they read through the index, and good for nothing but reading there.
    """
    watermark = watermarks.read()
    actor = gate.actor_for(question.authorization, watermark)
    indexes = index_map.read(watermark)
    index = indexes.default if index_name is None else indexes.by_name.get(index_name)
    if index is None:
        if actor.may_administer_instance:
            raise NotFound(NO_INDEX)
        gate.refuse(actor, index_name or "default")
    if not gate.password_is_welcome(actor, index):
        gate.refuse(actor, index.name)
    return gate.through(actor, index), index, watermark


def project_page(question: Question, index_name: str | None, name: str) -> Reply:
    """The page of one project."""
    actor, index, watermark = reader(question, index_name)
    normalized = normalize_name(name)
    page = visible_project(actor, index, name, watermark)
    if name != normalized or not question.path.endswith("/"):
        base = question.path.rstrip("/").rpartition("/")[0]
        return _redirect(f"{prefix()}{quote(base)}/{quote(normalized)}/", question.query)
    return _page(question, index, page, _kind(question))


def listing(question: Question, index_name: str | None, name: str) -> Reply:
    """The page of one project as hatch asks for it before it uploads: HTML whatever it accepts, under any spelling."""
    actor, index, watermark = reader(question, index_name)
    page = visible_project(actor, index, name, watermark)
    return _page(question, index, page, SimpleType.HTML)


def _page(question: Question, index: ServedIndex, page: ServedProject, kind: SimpleType) -> Reply:
    rendered = project_pages.document(
        page,
        kind=kind.kind,
        coding=choose_encoding(question.accept_encoding),
        files_base=f"{prefix()}/{index.name}/files/",
    )
    return _answer(question, rendered, kind, page.serial, is_public=page.is_public)


def visible_project(actor: Actor, index: ServedIndex, name: str, watermark: Watermark) -> ServedProject:
    """The project, if it exists and the actor may see it; what they may not see looks like what does not exist."""
    normalized = normalize_name(name)
    page, watermark = (
        mirrors.find_page(actor, index, normalized, watermark) if is_valid_name(name) else (None, watermark)
    )
    if page is not None and gate.may_read(actor, page.member, (page.pk, normalized), watermark):
        return page
    if page is None and gate.reads_everything(actor, index, watermark):
        raise NotFound(_nothing(index))
    return gate.refuse(actor, index.name)


def _nothing(index: ServedIndex) -> str:
    """The sentence for who may read all of the index; the same for every name, so that it tells nothing of ours."""
    silent = [mirror.name for mirror in index.mirrors if mirror.terms is not None and not mirror.terms.is_asked]
    if not silent:
        return NO_PROJECT
    return (
        f"The index has no project of this name; check the spelling. Its mirror '{silent[0]}' is offline or frozen and learns "
        "of no new names: ask who runs it."
    )


def root(question: Question, index_name: str | None) -> Reply:
    """The list of the index's projects, as far as the reader may see them."""
    actor, index, watermark = reader(question, index_name)
    sees_all = sees_list_whole(actor, index, watermark)
    if not question.path.endswith("/"):
        return _redirect(f"{prefix()}{quote(question.path)}/", question.query)
    kind, coding = _kind(question), choose_encoding(question.accept_encoding)
    if sees_all:
        served = root_lists.whole(index, watermark)
        rendered = root_lists.document(served, index, kind=kind.kind, coding=coding)
        return _answer(question, rendered, kind, served.serial, is_public=is_public(index))
    serial, rendered = root_lists.visible(index, actor, watermark, kind=kind.kind, coding=coding)
    if not serial:
        gate.refuse(actor, index.name)
    return _answer(question, rendered, kind, serial, is_public=False)


def sees_list_whole(actor: Actor, index: ServedIndex, watermark: Watermark) -> bool:
    """Whether the actor sees all of the index's list; refuses nobody-in-particular where nothing of it is public."""
    if gate.reads_everything(actor, index, watermark):
        return True
    if actor.is_anonymous and not any(member.anonymous_read for member in index.members):
        gate.refuse(actor, index.name)
    return False


def is_public(index: ServedIndex) -> bool:
    """Whether everybody may read all that is in the index."""
    return all(member.anonymous_read for member in index.members)


def _kind(question: Question) -> SimpleType:
    return negotiate_simple(question.accept, _format(question.query) if question.query else None)


def _format(query: str) -> str | None:
    values = parse_qs(query, keep_blank_values=True).get("format") if len(query) < 2000 else None  # noqa: PLR2004
    return values[-1].replace(" ", "+") if values else None


@lru_cache(maxsize=64)
def _fixed_headers(content_type: str, *, is_public: bool, coding: str) -> tuple[tuple[str, str], ...]:
    headers = [
        ("Content-Type", content_type),
        ("Cache-Control", page_cache_control(credentials_needed=not is_public)),
        ("Vary", page_vary(credentials_needed=not is_public)),
        *_PAGE_HEADERS,
    ]
    if coding != "identity":
        headers.append(("Content-Encoding", coding))
    return tuple(headers)


def _answer(question: Question, rendered: Rendered, kind: SimpleType, serial: int, *, is_public: bool) -> Reply:
    coding = choose_encoding(question.accept_encoding)
    headers = [
        *_fixed_headers(kind.content_type, is_public=is_public, coding=coding),
        ("ETag", rendered.etag),
        ("X-PyPI-Last-Serial", str(serial)),
    ]
    if if_none_match(question.if_none_match, rendered.etag):
        return Reply(304, [pair for pair in headers if pair[0] not in ("Content-Type", "Content-Encoding")])
    headers.append(("Content-Length", str(len(rendered.body))))
    return Reply(200, headers, b"" if question.is_head else rendered.body)


def _redirect(location: str, query: str) -> Reply:
    target = f"{location}?{query}" if query else location
    return Reply(301, [("Location", target), ("Content-Length", "0"), ("Cache-Control", "no-cache")])
