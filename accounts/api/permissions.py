"""Denied by default: a REST view says what it lets through, or answers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.domain.actors import Actor
from tpi_site.kit.errors import Unauthenticated

if TYPE_CHECKING:  # DRF imports its views while it loads the classes that settings name, this one among them
    from rest_framework.views import APIView


class DeniedByDefault(BasePermission):
    """What a view without a permission class of its own gets."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Never."""
        return False


class SignedIn(BasePermission):
    """Anyone with credentials; the services decide about the rest."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Refuse nobody-in-particular with a challenge."""
        if actor(request).is_anonymous:
            raise Unauthenticated(
                "Sign in with a user name and password or with an API token; the API needs credentials."
            )
        return True


class Anyone(BasePermission):
    """Readers without credentials too; querysets show them what is public."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Always."""
        return True


def actor(request: Request) -> Actor:
    """The actor that :class:`accounts.api.authentication.ActorAuthentication` found."""
    found = request.auth
    if not isinstance(found, Actor):
        raise TypeError(found)
    return found
