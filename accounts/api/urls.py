"""The REST addresses of people, teams, tokens and the audit log, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from accounts.api import schema  # noqa: F401  registers how the schema names our credentials
from accounts.api.audit import AuditViewSet
from accounts.api.members import MemberViewSet
from accounts.api.teams import TeamViewSet
from accounts.api.tokens import TokenViewSet
from accounts.api.users import UserViewSet

_ROWS = {"get": "list", "post": "create"}
_ROW = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("users/", UserViewSet.at(**_ROWS), name="users"),
    path("users/<str:username>/", UserViewSet.at(**_ROW), name="user"),
    path("users/<str:username>/password/", UserViewSet.at(post="set_password"), name="user-password"),
    path("teams/", TeamViewSet.at(**_ROWS), name="teams"),
    path("teams/<str:team>/", TeamViewSet.at(**_ROW), name="team"),
    path("teams/<str:team>/members/", MemberViewSet.at(**_ROWS), name="members"),
    path("teams/<str:team>/members/<str:username>/", MemberViewSet.at(**_ROW), name="member"),
    path("tokens/", TokenViewSet.at(**_ROWS), name="tokens"),
    path("tokens/<int:id>/", TokenViewSet.at(get="retrieve", delete="destroy"), name="token"),
    path("audit/", AuditViewSet.at(get="list"), name="audit"),
    path("audit/export/", AuditViewSet.at(get="export"), name="audit-export"),
    path("audit/<int:id>/", AuditViewSet.at(get="retrieve"), name="audit-entry"),
]
