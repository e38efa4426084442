"""Light, dark, or as the system has it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from accounts.views.people import safe_next
from tpi_site.kit.errors import Invalid

COOKIE = "tpi_theme"
THEMES = ("system", "light", "dark")
_YEAR = 365 * 24 * 3600


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice in a cookie and go back."""
    chosen = request.POST.get("theme", "")
    if chosen not in THEMES:
        raise Invalid("Choose the theme system, light or dark.", code="theme-unknown")
    response = HttpResponseRedirect(safe_next(request, "/"))
    response.set_cookie(COOKIE, chosen, max_age=_YEAR, secure=request.is_secure(), httponly=True, samesite="Lax")
    return response
