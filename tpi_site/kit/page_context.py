"""What every page's template may use."""

from __future__ import annotations

from django.http import HttpRequest


def page_context(request: HttpRequest) -> dict[str, object]:
    """The actor of the request."""
    return {"actor": getattr(request, "actor", None)}
