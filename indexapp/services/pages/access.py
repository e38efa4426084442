"""Which indexes and projects a person may open."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.domain.actors import Actor
from accounts.services.scope_indexes import ScopeIndex
from indexapp.domain.names import is_valid_name, normalize_name
from indexapp.models import Index
from indexapp.services.mirrors import pages as mirrors
from indexapp.services.mirrors import waiting
from indexapp.services.serving import gate, index_map, watermarks
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.project_pages import ServedProject
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import NotFound


@dataclass(frozen=True)
class OpenProject:
    """A project that the actor may see, through ``index``; ``page.member`` is the hosted index that holds it."""

    index: ServedIndex
    page: ServedProject
    watermark: Watermark


def visible_indexes(actor: Actor) -> list[Index]:
    """The indexes in which the actor may see something, by name; a group when one of its members is such.

    Two queries, whatever the number of indexes.
    """
    served = index_map.read(watermarks.read()).by_pk
    visible = set(Index.objects.visible_to(actor).values_list("pk", flat=True))
    return [row for row in Index.objects.all() if _is_visible(served.get(row.pk), visible, actor)]


def _is_visible(served: ServedIndex | None, visible: set[int], actor: Actor) -> bool:
    if served is None:
        return False
    if not served.members:
        return actor.may_administer_instance
    return any(member.pk in visible for member in served.members)


def open_index(actor: Actor, name: str) -> ServedIndex:
    """The index, if the actor may see anything in it; otherwise the refusal that an unknown name gets too."""
    index = index_map.read(watermarks.read()).by_name.get(name)
    if index is not None:
        rows = Index.objects.visible_to(gate.through(actor, index)).filter(
            pk__in=[member.pk for member in index.members]
        )
        if _is_visible(index, set(rows.values_list("pk", flat=True)), actor):
            return index
    elif actor.may_administer_instance:
        raise NotFound("There is no index of this name; check the spelling.")
    gate.refuse(actor, name)
    raise AssertionError("refuse always raises")


def open_list(actor: Actor, name: str) -> ServedIndex:
    """The index, if the actor may see anything in it with the kind of credential that they came with."""
    index = open_index(actor, name)
    if not gate.password_is_welcome(actor, index):
        gate.refuse(actor, name)
    return index


def open_project(actor: Actor, index_name: str, name: str) -> OpenProject:
    """The project that the index resolves the name to, if the actor may read it."""
    watermark = watermarks.read()
    index = index_map.read(watermark).by_name.get(index_name)
    normalized = normalize_name(name)
    page = None
    if index is not None and not gate.password_is_welcome(actor, index):
        gate.refuse(actor, index_name)
    if index is not None:
        if is_valid_name(name):
            with waiting.as_page():
                page, watermark = mirrors.find_page(gate.through(actor, index), index, normalized, watermark)
        if page is not None and gate.may_read(
            gate.through(actor, index), page.member, (page.pk, normalized), watermark
        ):
            return OpenProject(index, page, watermark)
    if page is None and (gate.reads_everything(actor, index, watermark) if index else actor.may_administer_instance):
        raise NotFound("There is no project of this name here; check the spelling, or publish it first.")
    gate.refuse(actor, index_name)
    raise AssertionError("refuse always raises")


def default_index_name() -> str | None:
    """The name of the default index, or None before there is one."""
    default = index_map.read(watermarks.read()).default
    return default.name if default else None


def scope_indexes(actor: Actor) -> list[ScopeIndex]:
    """The indexes that a person may bind a new token to."""
    return [ScopeIndex(row.name, row.title) for row in visible_indexes(actor)]
