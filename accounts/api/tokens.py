"""``/tokens/``: API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api import permissions as api_permissions
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone, made
from accounts.api.throttles import LeakThrottle
from accounts.api.token_bodies import (
    IssuedTokenSerializer,
    LeakAnswerSerializer,
    LeakSerializer,
    NewTokenSerializer,
    RotationSerializer,
    TokenSerializer,
)
from accounts.api.users import user_named
from accounts.domain.actors import Actor
from accounts.domain.verbs import parse_verbs
from accounts.models import Token, TokenKind, User
from accounts.models.tokens import ended_by, outliving_policy, usable
from accounts.services import token_leaks, token_rotation, token_scopes, tokens
from accounts.services.service_accounts import may_manage_service_account
from tpi_site.kit.errors import Unseen

_THANKS = "Thank you. What is a token of this index is revoked, and its owner is told."


class TokenFilter(Filters):
    """Filters of the list of tokens."""

    user = filters.CharFilter(field_name="user__username", max_length=150, label="The owner's name.")
    kind = filters.ChoiceFilter(choices=TokenKind.choices, label="What the tokens are for.")
    active = FlagFilter(method="only_active", label="Whether the token can be used now.")
    expiring_within = filters.NumberFilter(
        method="only_expiring", min_value=0, max_value=3650, label="Usable tokens that end within so many days."
    )
    outlives_policy = FlagFilter(
        method="only_outliving", label="Whether it was made to live longer than policy allows."
    )

    def only_active(self, rows: QuerySet[Token], name: str, value: bool) -> QuerySet[Token]:  # noqa: FBT001  django-filter's signature
        """Tokens neither revoked nor expired, or the others."""
        now = usable(timezone.now())
        return rows.filter(now if value else ~now)

    def only_expiring(self, rows: QuerySet[Token], name: str, value: Any) -> QuerySet[Token]:
        """Tokens that work now and will not in some days."""
        now = timezone.now()
        return rows.filter(usable(now), ended_by(now + timedelta(days=float(value))))

    def only_outliving(self, rows: QuerySet[Token], name: str, value: bool) -> QuerySet[Token]:  # noqa: FBT001  as above
        """Tokens that are refused before their own end, or the others."""
        return rows.filter(outliving_policy()) if value else rows.exclude(outliving_policy())


_EXAMPLE = OpenApiExample(
    "A token of a build job",
    value={
        "name": "release job",
        "verbs": ["read", "upload"],
        "indexes": ["main"],
        "projects": ["acme-tool"],
        "networks": ["192.0.2.0/24"],
        "expires_at": "2030-01-01T00:00:00Z",
    },
    request_only=True,
)


@extend_schema(tags=["Tokens"])
class TokenViewSet(Resource):
    """API tokens; administrators see all, others their own and those of service accounts that they look after."""

    model = Token
    ordering = "-pk"
    serializer_class = TokenSerializer
    filterset_class = TokenFilter

    def rows(self) -> QuerySet[Token]:
        """The visible tokens with their owners."""
        return permissions.tokens_visible_to(self.actor).select_related("user", "parent", "replaces")

    @extend_schema(summary="List tokens")
    def list(self, request: Request) -> Response:
        """The newest first."""
        return self.listed()

    @extend_schema(
        summary="Issue a token",
        request=NewTokenSerializer,
        responses={201: IssuedTokenSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """The answer holds the token's text, which is shown this once, and the end that was set."""
        given = self.body(NewTokenSerializer)
        seconds = given.get("lifetime_seconds")
        token, text = tokens.issue(
            actor=self.actor,
            owner=_owner(self.actor, given.get("user")),
            name=given["name"],
            verbs=parse_verbs(given["verbs"]),
            indexes=token_scopes.checked_indexes(actor=self.actor, names=given["indexes"]),
            projects=token_scopes.checked_projects(given["projects"]),
            networks=given["networks"],
            expires_at=given["expires_at"],
            lifetime=None if seconds is None else timedelta(seconds=seconds),
        )
        return _issued(request, token, text)

    @extend_schema(summary="Read a token")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One token, without its text."""
        return self.shown(self._token(id))

    @extend_schema(summary="Revoke a token", responses={204: None})
    def destroy(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """It ends at once, everywhere, with all that was made with it; its row stays, with the time."""
        tokens.revoke(actor=self.actor, token=self._token(id))
        return gone()

    @extend_schema(summary="Rotate a token", request=RotationSerializer, responses={201: IssuedTokenSerializer})
    def rotate(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """A new token with the same scope, its text shown this once; the old one goes on for a while."""
        overlap = timedelta(seconds=self.body(RotationSerializer)["overlap_seconds"])
        new, text = token_rotation.rotate(actor=self.actor, token=self._token(id), overlap=overlap)
        return _issued(request, new, text)

    def _token(self, pk: int) -> Token:
        found: Token | None = self.rows().filter(pk=pk).first()
        if found is None:
            raise Unseen("There is no such token of yours.", code="token-unknown")
        return found


@extend_schema(tags=["Tokens"])
class TokenLeakViewSet(Resource):
    """Reports of tokens that were found in the open."""

    model = Token
    permission_classes = (api_permissions.Anyone,)  # type: ignore[assignment]  # another than the usual
    throttle_classes = (LeakThrottle,)

    @extend_schema(
        summary="Report leaked tokens", request=LeakSerializer, responses={202: LeakAnswerSerializer}, filters=False
    )
    def report(self, request: Request) -> Response:
        """For everybody, also without credentials; tokens are revoked at once, and the answer is always the same."""
        given = self.body(LeakSerializer)
        token_leaks.report(actor=self.actor, texts=given["tokens"], url=given["url"], source=given["source"])
        return Response({"detail": _THANKS}, status.HTTP_202_ACCEPTED)


def _issued(request: Request, token: Token, text: str) -> Response:
    shown: dict[str, Any] = {**TokenSerializer(token).data, "token": text}
    return made(shown, request._request, reverse("api:token", args=[token.pk]))


def _owner(actor: Actor, username: str | None) -> User:
    """Whose token it will be: the actor's own, unless they name a service account that they look after."""
    if username is None or username == actor.username:
        return user_named(actor.username)
    mine = permissions.service_accounts_visible_to(actor).filter(username=username).first()
    if mine is not None and may_manage_service_account(actor, mine):
        return mine
    if not actor.may_administer_instance:
        raise tokens.not_the_owner()
    return user_named(username)
