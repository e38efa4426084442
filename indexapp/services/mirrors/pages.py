"""The page of a name, after the mirrors that may have it were asked where they must be."""

from __future__ import annotations

from accounts.domain.actors import Actor
from indexapp.services.mirrors import asking
from indexapp.services.serving import gate, project_pages
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.project_pages import Found, ServedProject
from indexapp.services.serving.watermarks import Watermark
from tpi_site.kit.errors import Unavailable


def find_page(
    actor: Actor, index: ServedIndex, normalized_name: str, watermark: Watermark
) -> tuple[ServedProject | None, Watermark]:
    """The project that ``index`` resolves the name to, and the watermark at which it does.

    Raises :class:`tpi_site.kit.errors.Unavailable` when nothing is known of the name and an upstream does not answer.
    """
    page = project_pages.find(index, normalized_name, watermark)
    if index.mirrors and asking.is_due(index, page, normalized_name, watermark):
        try:
            watermark = asking.ask(actor, index, normalized_name, watermark)
        except Unavailable:
            if page is None:
                raise
        page = project_pages.find(index, normalized_name, watermark)
    if page is not None and page.beside is not None and not _sees_all_of(actor, page, page.beside, watermark):
        page = project_pages.find(index, normalized_name, watermark, is_alone=True)
    return page, watermark


def _sees_all_of(actor: Actor, page: ServedProject, beside: Found, watermark: Watermark) -> bool:
    """Whether the actor may read the mirror too whose files stand on the page."""
    return gate.may_read(actor, beside.member, (beside.place.pk, page.normalized_name), watermark)
