"""What pages show on which an authenticator app is set up."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import segno
from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe

from accounts.domain import one_time_codes
from accounts.domain.actors import Actor
from accounts.models import User
from accounts.services import authenticators

_NUMBER = "authenticator"


def begin(request: HttpRequest, actor: Actor, user: User) -> None:
    """Make a secret that is shown in this browser's session alone."""
    request.session[_NUMBER] = authenticators.begin(actor=actor, user=user)


def number_of(request: HttpRequest) -> int:
    """The number of the authenticator that is being set up in this session; 0 for none."""
    return int(request.session.get(_NUMBER, 0))


def context(request: HttpRequest, user: User) -> dict[str, Any]:
    """The secret as a QR code and in letters; both empty where none is being set up."""
    secret = authenticators.being_set_up(user, number_of(request))
    if not secret:
        return {"qr_code": "", "secret": ""}
    address = one_time_codes.enrolment_address(secret, username=user.username, issuer=f"TPI {_host(request)}")
    return {"qr_code": _picture(address), "secret": one_time_codes.in_groups(secret), "address": address}


def _host(request: HttpRequest) -> str:
    """The name by which people know this installation; a colon would end the label in some apps."""
    place = urlsplit(settings.TPI_URL).hostname or urlsplit(f"//{request.get_host()}").hostname
    return (place or "").replace(":", " ").strip()


def _picture(text: str) -> SafeString:
    """A QR code as inline SVG: black on white in either theme, since scanners want it so; no style, no script."""
    code = segno.make(text, error="m", micro=False)
    drawn = code.svg_inline(
        scale=4, border=4, dark="#000", light="#fff", svgclass="qr-code", lineclass=None, omitsize=True
    )
    return mark_safe(drawn)  # noqa: S308  paths and numbers; the text is drawn, not written
