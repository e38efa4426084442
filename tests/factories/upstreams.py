"""Mirrors of real servers on loopback, and questions through them."""

from __future__ import annotations

from typing import Any

from accounts.domain.actors import Actor
from indexapp.models import Index
from indexapp.services import indexes
from indexapp.services.mirrors import pages
from indexapp.services.serving import index_map, watermarks
from indexapp.services.serving.project_pages import ServedProject
from tests.factories.people import SYSTEM
from tests.plugins import process_memory


def make_mirror(url: str, name: str = "outside", **upstream: Any) -> Index:
    """A mirror of the repository at ``url``, made as an administrator makes it."""
    return indexes.create(actor=SYSTEM, name=name, kind=Index.Kind.MIRROR, upstream={"url": url, **upstream})


def page_of(index: Index, name: str, actor: Actor = SYSTEM) -> ServedProject | None:
    """What the index serves of the name to ``actor``, after whoever must be asked was asked."""
    process_memory.forget()
    watermark = watermarks.read()
    served = index_map.read(watermark).by_name[index.name]
    return pages.find_page(actor, served, name, watermark)[0]
