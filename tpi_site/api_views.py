"""The REST API's own pages: its root, its schema and its explorer."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import ActorAuthentication
from accounts.api.permissions import Anyone
from accounts.domain.actors import Actor, Method
from accounts.models import User
from tpi_site.kit.admin import entrance
from tpi_site.kit.errors import NotFound
from tpi_site.kit.public_urls import public_url

_RESOURCES = ("indexes", "roles", "prefixes", "changes", "users", "teams", "tokens", "audit", "schema", "docs")


class Root(APIView):
    """What there is."""

    permission_classes = (Anyone,)

    @extend_schema(
        tags=["Root"],
        summary="List the resources",
        responses={200: {"type": "object", "additionalProperties": {"type": "string", "format": "uri"}}},
    )
    def get(self, request: Request) -> Response:
        """The addresses of the resources; projects, releases and files stand below their index."""
        return Response({name: public_url(request._request, reverse(f"api:{name}")) for name in _RESOURCES})


class Schema(SpectacularAPIView):
    """The OpenAPI schema, as JSON or, where ``Accept`` or ``?format=yaml`` say so, as YAML."""

    renderer_classes = [OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer, OpenApiYamlRenderer2]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **names: Any) -> Response:
        """The schema; parameters change nothing in it."""
        return Response(_document(), headers={"Cache-Control": "no-cache"})


@cache
def _document() -> Any:
    """Made once per process: it depends on nothing but the code and costs about a second."""
    generator: Any = SchemaGenerator  # untyped
    return generator().get_schema(request=None, public=True)


def _session_user(request: Request) -> User | AnonymousUser:
    """Who is signed in, for the page's frame; DRF hides it behind the actor."""
    actor = request.auth
    if not isinstance(actor, Actor) or actor.method is not Method.SESSION:
        return AnonymousUser()
    return User.objects.filter(username=actor.username).first() or AnonymousUser()


class Explorer(SpectacularSwaggerSplitView):
    """The schema as a page to try it out; page and script come apart, because nothing inline runs here."""

    template_name = "api/explorer.html"
    template_name_js = "api/explorer.js"
    url_name = "api:schema"
    authentication_classes = (ActorAuthentication,)
    permission_classes = (Anyone,)

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **names: Any) -> Response:
        """The page, or its script."""
        self.url_self = reverse("api:docs")
        page: Any = super()  # untyped
        response: Response = page.get(request, *args, **names)
        if isinstance(response.data, dict):
            response.data["schema_url"] = reverse("api:schema")
            user = request._request.user = _session_user(request)
            response.data |= {"user": user, "opens_console": entrance.may_enter(request._request)}
        return response


@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Refuse every other address of the API."""
    hint = "" if request.path.endswith("/") else ", and addresses end in a slash"
    raise NotFound(f"The API has nothing at this address; {reverse('api:root')} lists what there is{hint}.")
