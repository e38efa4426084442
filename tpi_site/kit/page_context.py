"""What every page's template may use."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tpi_site.kit import read_only
from tpi_site.kit.admin import entrance


def page_context(request: HttpRequest) -> dict[str, object]:
    """The actor of the request, and whether the console is open to them; neither is looked up until a template asks."""
    return {
        "actor": getattr(request, "actor", None),
        "read_only_banner": read_only.banner,
        "replica_of": read_only.followed,
        "opens_console": SimpleLazyObject(lambda: entrance.may_enter(request)),
    }
