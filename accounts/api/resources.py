"""What every resource of the REST API has in common."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api import permissions
from accounts.api.bodies import MAX_BODY, StrictSerializer
from accounts.domain.actors import Actor
from tpi_site.kit.bodies import Body
from tpi_site.kit.errors import Invalid
from tpi_site.kit.pagination import KeysetPagination
from tpi_site.kit.public_urls import public_url


class Resource(GenericViewSet[Any]):
    """A noun of the API: rows come from :meth:`rows`, changes go to services, ``serializer_class`` shapes answers.

    ``ordering`` names the unique, indexed column by which lists are paged.
    """

    permission_classes = (permissions.SignedIn,)
    model: ClassVar[type[Model]]
    ordering = "pk"

    @classmethod
    def at(cls, **actions: str) -> Any:
        """The view of one address: which method of the class answers which HTTP method."""
        return cls.as_view({**actions})

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return permissions.actor(self.request)

    def initial(self, request: Request, *args: Any, **names: Any) -> None:
        """Authenticate, permit and throttle; refuse what no later step could read."""
        super().initial(request, *args, **names)
        if any("\x00" in str(name) for name in names.values()):
            raise Invalid("A name in the address holds a NUL character.", code="address-invalid")
        if "HTTP_TRANSFER_ENCODING" in request.META:
            raise Invalid(
                "A body must announce its length in Content-Length; chunked bodies are not taken here.",
                code="length-missing",
            )

    def rows(self) -> QuerySet[Any]:
        """The rows that the actor may see, with all that their representation needs."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        """:meth:`rows`, or none while the schema is made and nobody asks."""
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        return self.rows()

    def listed(self) -> Response:
        """One page of the filtered rows; a parameter that is not known is refused."""
        rows = self.get_queryset()
        pages = self.paginator
        self.require_known_parameters(
            *((pages.cursor_param, pages.size_param) if isinstance(pages, KeysetPagination) else ())
        )
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def require_known_parameters(self, *others: str) -> None:
        """Refuse a filter that is misspelt: it would give more than was asked for, and look like an answer."""
        known = [*getattr(getattr(self, "filterset_class", None), "base_filters", ()), *others]
        if unknown := sorted(set(self.request.query_params) - {*known, "format"}):
            named = ", ".join(f"'{name[:40]}'" for name in unknown[:5])
            raise Invalid(f"There is no parameter {named} here; use {', '.join(known)}.", code="parameter-unknown")

    def body(self, shape: type[StrictSerializer]) -> dict[str, Any]:
        """The validated body of the request."""
        serializer = shape(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        return values

    def changes(self, shape: type[StrictSerializer]) -> dict[str, Any]:
        """The validated body of a PATCH: the fields that it names, at least one."""
        serializer = shape(data=self.request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        values: dict[str, Any] = serializer.validated_data
        if not values:
            raise Invalid("The body names no field to change.", code="nothing-to-change")
        return values

    def shown(self, row: Model) -> Response:
        """The row as it is now."""
        return Response(self.get_serializer(row).data)

    def created(self, row: Model, path: str) -> Response:
        """The new row and the address at which it stands."""
        return made(self.get_serializer(row).data, self.request._request, path)

    def finalize_response(self, request: Request, response: Any, *args: Any, **names: Any) -> Any:
        """Keep answers, which depend on who asks, out of every cache."""
        response.headers.setdefault("Cache-Control", "private, no-store")
        _linger(request.META, response)
        return super().finalize_response(request, response, *args, **names)


def _linger(environ: dict[str, Any], response: HttpResponse) -> None:
    """Read a large body on after its refusal was sent: a client that is still sending would not see the answer."""
    length = environ.get("CONTENT_LENGTH") or ""
    if response.status_code >= status.HTTP_400_BAD_REQUEST and length.isdecimal() and int(length) > MAX_BODY:
        # What Django closes with the answer; it has no public name for adding to it.
        response._resource_closers.append(Body(environ).drain)  # type: ignore[attr-defined]  # noqa: SLF001


def made(representation: Any, request: HttpRequest, path: str) -> Response:
    """201 with the address of what was made."""
    return Response(representation, status.HTTP_201_CREATED, headers={"Location": public_url(request, path)})


def gone() -> Response:
    """204: it is not there any more."""
    return Response(status=status.HTTP_204_NO_CONTENT)
