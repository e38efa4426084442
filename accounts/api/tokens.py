"""``/tokens/``: API tokens."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.bodies import StrictSerializer, TextField, WordsField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone, made
from accounts.api.users import user_named
from accounts.domain.actors import Actor
from accounts.domain.verbs import Verb, as_words, from_mask, parse_verbs
from accounts.models import Token, User
from accounts.services import token_scopes, tokens
from accounts.services.service_accounts import may_manage_service_account
from tpi_site.kit.errors import Forbidden, NotFound

VERBS = [(verb.value, verb.value.capitalize()) for verb in Verb]


class TokenSerializer(serializers.ModelSerializer[Token]):
    """A token, without its text."""

    user = serializers.CharField(source="user.username", read_only=True)
    verbs = serializers.SerializerMethodField()
    indexes = serializers.ListField(child=serializers.CharField(), read_only=True)
    projects = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Token
        fields = (
            "id",
            "name",
            "key_id",
            "user",
            "verbs",
            "indexes",
            "projects",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )
        read_only_fields = fields

    def get_verbs(self, token: Token) -> list[str]:
        """What the token lets its owner's rights through for."""
        return as_words(from_mask(token.verbs))


class IssuedTokenSerializer(TokenSerializer):
    """A new token with its text, which is shown this once."""

    token = serializers.CharField(read_only=True, help_text="The secret; keep it, it is shown this once.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class NewTokenSerializer(StrictSerializer):
    """A token to issue; empty `indexes` or `projects` mean all that its owner may."""

    name = TextField(max_length=100)
    verbs = WordsField(child=serializers.ChoiceField(choices=VERBS), allow_empty=False)
    indexes = WordsField(child=TextField(max_length=64), default=list, help_text="Names of indexes.")
    projects = WordsField(child=TextField(max_length=100), default=list, help_text="Names of projects.")
    expires_at = serializers.DateTimeField(allow_null=True, default=None, help_text="Null for no end.")
    user = TextField(max_length=150, required=False, help_text="The owner; for administrators.")


class TokenFilter(Filters):
    """Filters of the list of tokens."""

    user = filters.CharFilter(field_name="user__username", max_length=150, label="The owner's name.")
    active = FlagFilter(method="only_active", label="Whether the token can be used now.")

    def only_active(self, rows: QuerySet[Token], name: str, value: bool) -> QuerySet[Token]:  # noqa: FBT001  django-filter's signature
        """Tokens neither revoked nor expired, or the others."""
        usable = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        return rows.filter(usable if value else ~usable)


_EXAMPLE = OpenApiExample(
    "A token of a build job",
    value={
        "name": "release job",
        "verbs": ["read", "upload"],
        "indexes": ["main"],
        "projects": ["acme-tool"],
        "expires_at": "2030-01-01T00:00:00Z",
    },
    request_only=True,
)


@extend_schema(tags=["Tokens"])
class TokenViewSet(Resource):
    """API tokens; administrators see all, others their own."""

    model = Token
    ordering = "-pk"
    serializer_class = TokenSerializer
    filterset_class = TokenFilter

    def rows(self) -> QuerySet[Token]:
        """The visible tokens with their owners."""
        return permissions.tokens_visible_to(self.actor).select_related("user")

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
        """The answer holds the token's text, which is shown this once."""
        given = self.body(NewTokenSerializer)
        owner = _owner(self.actor, given.get("user"))
        token, text = tokens.issue(
            actor=self.actor,
            owner=owner,
            name=given["name"],
            verbs=parse_verbs(given["verbs"]),
            indexes=token_scopes.checked_indexes(actor=self.actor, names=given["indexes"]),
            projects=token_scopes.checked_projects(given["projects"]),
            expires_at=given["expires_at"],
        )
        shown: dict[str, Any] = {**TokenSerializer(token).data, "token": text}
        return made(shown, request._request, reverse("api:token", args=[token.pk]))

    @extend_schema(summary="Read a token")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One token, without its text."""
        return self.shown(self._token(id))

    @extend_schema(summary="Revoke a token", responses={204: None})
    def destroy(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """It ends at once, everywhere; its row stays, with the time."""
        tokens.revoke(actor=self.actor, token=self._token(id))
        return gone()

    def _token(self, pk: int) -> Token:
        found: Token | None = self.rows().filter(pk=pk).first()
        if found is None:
            raise NotFound("There is no such token of yours.", code="token-unknown")
        return found


def _owner(actor: Actor, username: str | None) -> User:
    """Whose token it will be: the actor's own, unless an administrator names another owner."""
    if username is None or username == actor.username:
        return user_named(actor.username)
    mine = permissions.service_accounts_visible_to(actor).filter(username=username).first()
    if mine is not None and may_manage_service_account(actor, mine):
        return mine
    if not actor.may_administer_instance:
        raise Forbidden("A token is issued by its owner or by an administrator.", code="token-owner")
    return user_named(username)
