"""The REST addresses of people, teams, tokens and the audit log, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from accounts.api.audit import AuditViewSet
from accounts.api.members import MemberViewSet
from accounts.api.teams import TeamViewSet
from accounts.api.tokens import TokenViewSet
from accounts.api.users import UserViewSet

_ROWS = {"get": "list", "post": "create"}
_ROW = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("users/", UserViewSet.as_view(_ROWS), name="users"),
    path("users/<str:username>/", UserViewSet.as_view(_ROW), name="user"),
    path("users/<str:username>/password/", UserViewSet.as_view({"post": "set_password"}), name="user-password"),
    path("teams/", TeamViewSet.as_view(_ROWS), name="teams"),
    path("teams/<str:team>/", TeamViewSet.as_view(_ROW), name="team"),
    path("teams/<str:team>/members/", MemberViewSet.as_view(_ROWS), name="members"),
    path("teams/<str:team>/members/<str:username>/", MemberViewSet.as_view(_ROW), name="member"),
    path("tokens/", TokenViewSet.as_view(_ROWS), name="tokens"),
    path("tokens/<int:id>/", TokenViewSet.as_view({"get": "retrieve", "delete": "destroy"}), name="token"),
    path("audit/", AuditViewSet.as_view({"get": "list"}), name="audit"),
    path("audit/<int:id>/", AuditViewSet.as_view({"get": "retrieve"}), name="audit-entry"),
]
