"""Who may read the API without credentials."""

from __future__ import annotations

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.permissions import SignedIn, actor
from indexapp.models import Index


class SignedInOrPublic(SignedIn):
    """Anyone with credentials; nobody-in-particular may read where an index is open to everybody.

    Where none is, an empty list would look like an answer to somebody who forgot the credentials.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Refuse nobody-in-particular with a challenge, unless something is public."""
        asker = actor(request)
        if asker.is_anonymous and request.method in SAFE_METHODS and Index.objects.visible_to(asker).exists():
            return True
        return super().has_permission(request, view)
