"""From credentials to an actor, for every door of the product.

A credential that was good a moment ago is remembered under a keyed digest of its header, together with the access
generation at which it was checked: any change of people, tokens or rights voids it at once, in every process.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.domain.actors import ANONYMOUS, Actor, Method
from accounts.domain.token_format import PREFIX
from accounts.services import passwords, refusals, token_recognition
from accounts.services.directories import standing
from tpi_site.kit.errors import Kind, Refusal, Unauthenticated
from tpi_site.kit.request_context import current

_REMEMBERED = 10_000
TOKEN_USER = "__token__"  # noqa: S105  the user name that goes with any token
NO_TOKEN = (
    "The user name __token__ goes with an API token, which begins with 'tpi_'; with a password use your own name."  # noqa: S105
)
_LIFE = 60.0  # seconds; bounds how long an expiry that passes meanwhile, or a note of use, is late
WRONG_TOKEN = "The API token is unknown, expired or revoked; make a new one on your account's page."  # noqa: S105


@dataclass(frozen=True, slots=True)
class _Known:
    actor: Actor
    generation: int
    until: float


_known: OrderedDict[bytes, _Known] = OrderedDict()
_lock = Lock()


def _key(authorization: str) -> bytes:
    """The credentials at the address that they come from: a password that was right elsewhere is asked for again."""
    text = f"{current.get().address} {authorization}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), key=settings.TPI_TOKEN_PEPPER.encode()[:64]).digest()


def remembered(authorization: str, generation: int) -> Actor | None:
    """The actor of these credentials if they were checked lately and nothing about access has changed since.

    Where the request comes from is no part of what is remembered, so a token's networks are asked each time.
    """
    known = _known.get(_key(authorization))
    if known is None or known.generation != generation or known.until < time.monotonic():
        return None
    token_recognition.require_welcome(known.actor)
    return known.actor


def authenticate(authorization: str, generation: int | None = None) -> Actor:
    """The actor of an ``Authorization`` header; an empty header is nobody, a wrong one is refused.

    Basic takes a token as the password under any user name, or a user's password; Bearer (or ``token``) takes a token.
    With ``generation`` the answer is remembered for it.
    """
    if not authorization:
        return ANONYMOUS
    actor = _check(authorization)
    if generation is not None:
        _remember(authorization, actor, generation)
    return actor


def _check(authorization: str) -> Actor:
    scheme, _, rest = authorization.partition(" ")
    rest = rest.strip()
    if scheme.lower() in ("bearer", "token"):
        return _by_token(rest)
    if scheme.lower() != "basic":
        raise Unauthenticated("Use Basic or Bearer credentials; this scheme is not known here.", code="scheme-unknown")
    username, password = _decode_basic(rest)
    if password.startswith(PREFIX):
        return _by_token(password)
    if username.startswith(PREFIX):  # the habit of other hosts: the token as the user name, any word as the password
        return _by_token(username)
    if username == TOKEN_USER:
        raise Unauthenticated(NO_TOKEN, code="token-wrong")
    return passwords.sign_in_program(username=username, password=password, address=current.get().address)


def _by_token(text: str) -> Actor:
    actor = token_recognition.recognise(text)
    if actor is None:
        raise Unauthenticated(WRONG_TOKEN, code="token-wrong")
    return actor


def _decode_basic(encoded: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise Unauthenticated(
            "The Basic credentials are not valid base64 of UTF-8.", code="credentials-broken"
        ) from None
    username, separator, password = text.partition(":")
    if not separator or "\x00" in text:
        raise Unauthenticated(
            "The Basic credentials lack a colon between name and password.", code="credentials-broken"
        )
    return username, password


def _remember(authorization: str, actor: Actor, generation: int) -> None:
    life = _LIFE
    if actor.method is Method.PASSWORD:
        life = min(life, settings.TPI_VERIFIED_PASSWORD_SECONDS)
    if actor.token is not None and actor.token.expires_at is not None:
        life = min(life, (actor.token.expires_at - timezone.now()).total_seconds())
    if life <= 0:
        return
    with _lock:
        _known[_key(authorization)] = _Known(actor, generation, time.monotonic() + life)
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)


def forget_all() -> None:
    """Empty this process's memory of credentials."""
    with _lock:
        _known.clear()


def session_actor(request: HttpRequest) -> Actor:
    """The actor of a browser session."""
    user = request.user
    if not user.is_authenticated or not standing.stands(user):
        return ANONYMOUS
    return user.actor(Method.SESSION)


def actor_of(request: HttpRequest) -> Actor:
    """The actor of a Django request: its credentials' if it has some, else its session's."""
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    actor = authenticate(authorization) if authorization else session_actor(request)
    context = current.get()
    return actor.at(address=context.address, request_id=context.request_id)


_WRITTEN_ELSEWHERE = {"password-wrong"}


def note_refusal(refusal: Refusal, path: str, authorization: str, request: HttpRequest | None) -> None:
    """The error edge refuses a request: have it written who was refused, unless they merely have not signed in yet."""
    if refusal.code in _WRITTEN_ELSEWHERE:
        return
    actor = ANONYMOUS if refusal.kind is Kind.UNAUTHENTICATED else _lately(authorization, request)
    if isinstance(refusal.who, Actor):
        actor = refusal.who
    elif actor.is_anonymous and not authorization and refusal.kind is not Kind.THROTTLED:
        return
    context = current.get()
    refusals.note(actor=actor.at(address=context.address, request_id=context.request_id), code=refusal.code, path=path)


def note_throttled(request: HttpRequest, refusal: Refusal) -> None:
    """A page answers a refusal itself: have it written if it was one unseen, which nobody else has written."""
    if refusal.kind is Kind.THROTTLED:
        note_refusal(refusal, request.path_info, "", request)


def _lately(authorization: str, request: HttpRequest | None) -> Actor:
    """Who this request was found to come from, as far as that is known without asking the database again."""
    known = _known.get(_key(authorization)) if authorization else None
    if known is not None:
        return known.actor
    actor = getattr(request, "actor", None)
    actor = getattr(actor, "_wrapped", actor)
    return actor if isinstance(actor, Actor) else ANONYMOUS


class ActorMiddleware:
    """Give each request a lazy ``actor``; nothing is looked up until a view asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]  # our addition
        return self.get_response(request)
