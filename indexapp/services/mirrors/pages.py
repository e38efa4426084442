"""The page of a name, after the mirrors that may have it were asked where they must be."""

from __future__ import annotations

from accounts.domain.actors import Actor
from indexapp.services.mirrors import asking
from indexapp.services.serving import project_pages
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.project_pages import ServedProject
from indexapp.services.serving.watermarks import Watermark


def find_page(
    actor: Actor, index: ServedIndex, normalized_name: str, watermark: Watermark
) -> tuple[ServedProject | None, Watermark]:
    """The project that ``index`` resolves the name to, and the watermark at which it does.

    Raises :class:`tpi_site.kit.errors.Unavailable` when nothing is known of the name and an upstream does not answer.
    """
    page = project_pages.find(index, normalized_name, watermark)
    if index.mirrors and asking.is_due(index, page, normalized_name, watermark):
        watermark = asking.ask(actor, index, normalized_name, watermark)
        page = project_pages.find(index, normalized_name, watermark)
    return page, watermark
