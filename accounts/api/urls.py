"""The REST addresses of people, teams, tokens, directories, alarms and the audit log, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from accounts.api import schema  # noqa: F401  registers how the schema names our credentials
from accounts.api.alarms import AlarmViewSet
from accounts.api.audit import AuditViewSet
from accounts.api.audit_sinks import SinkViewSet
from accounts.api.directories import DirectoryViewSet
from accounts.api.directory_jobs import DirectoryJobViewSet
from accounts.api.encryption import EncryptionViewSet
from accounts.api.group_mappings import MappingViewSet
from accounts.api.members import MemberViewSet
from accounts.api.read_only import ReadOnlyViewSet
from accounts.api.service_accounts import ServiceAccountViewSet
from accounts.api.teams import TeamViewSet
from accounts.api.tokens import TokenLeakViewSet, TokenViewSet
from accounts.api.users import UserViewSet

_ROWS = {"get": "list", "post": "create"}
_ROW = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    path("users/", UserViewSet.at(**_ROWS), name="users"),
    path("users/<str:username>/", UserViewSet.at(**_ROW), name="user"),
    path("users/<str:username>/password/", UserViewSet.at(post="set_password"), name="user-password"),
    path("users/<str:username>/sessions/", UserViewSet.at(delete="end_sessions"), name="user-sessions"),
    path("users/<str:username>/left-behind/", UserViewSet.at(get="left_behind"), name="user-left-behind"),
    path("teams/", TeamViewSet.at(**_ROWS), name="teams"),
    path("teams/<str:team>/", TeamViewSet.at(**_ROW), name="team"),
    path("teams/<str:team>/members/", MemberViewSet.at(**_ROWS), name="members"),
    path("teams/<str:team>/members/<str:username>/", MemberViewSet.at(**_ROW), name="member"),
    path("teams/<str:team>/service-accounts/", ServiceAccountViewSet.at(**_ROWS), name="service-accounts"),
    path("teams/<str:team>/service-accounts/<str:username>/", ServiceAccountViewSet.at(**_ROW), name="service-account"),
    path("tokens/", TokenViewSet.at(**_ROWS), name="tokens"),
    path("tokens/leaked/", TokenLeakViewSet.at(post="report"), name="token-leaks"),
    path("tokens/<int:id>/", TokenViewSet.at(get="retrieve", delete="destroy"), name="token"),
    path("tokens/<int:id>/rotate/", TokenViewSet.at(post="rotate"), name="token-rotate"),
    path("directories/", DirectoryViewSet.at(**_ROWS), name="directories"),
    path("directories/<str:directory>/", DirectoryViewSet.at(**_ROW), name="directory"),
    path("directories/<str:directory>/test/", DirectoryJobViewSet.at(post="test"), name="directory-test"),
    path("directories/<str:directory>/plan/", DirectoryJobViewSet.at(post="plan"), name="directory-plan"),
    path("directories/<str:directory>/sync/", DirectoryJobViewSet.at(post="sync"), name="directory-sync"),
    path("directories/<str:directory>/syncs/", DirectoryJobViewSet.at(get="list"), name="directory-syncs"),
    path(
        "directories/<str:directory>/syncs/<int:id>/", DirectoryJobViewSet.at(get="retrieve"), name="directory-report"
    ),
    path("directories/<str:directory>/mappings/", MappingViewSet.at(**_ROWS), name="directory-mappings"),
    path(
        "directories/<str:directory>/mappings/<int:id>/",
        MappingViewSet.at(get="retrieve", delete="destroy"),
        name="directory-mapping",
    ),
    path("alarms/", AlarmViewSet.at(get="list"), name="alarms"),
    path("alarms/<int:id>/", AlarmViewSet.at(get="retrieve"), name="alarm"),
    path("alarms/<int:id>/end/", AlarmViewSet.at(post="end"), name="alarm-end"),
    path("encryption/", EncryptionViewSet.at(get="retrieve"), name="encryption"),
    path(
        "read-only/",
        ReadOnlyViewSet.at(get="retrieve", put="switch_on", delete="switch_off"),
        name="read-only",
    ),
    path("encryption/export/", EncryptionViewSet.at(get="export"), name="encryption-export"),
    path("encryption/rotate/", EncryptionViewSet.at(post="rotate"), name="encryption-rotate"),
    path("encryption/remove-key/", EncryptionViewSet.at(post="remove_key"), name="encryption-remove-key"),
    path("audit/", AuditViewSet.at(get="list"), name="audit"),
    path("audit/export/", AuditViewSet.at(get="export"), name="audit-export"),
    path("audit/sinks/", SinkViewSet.at(**_ROWS), name="audit-sinks"),
    path("audit/sinks/<str:sink>/", SinkViewSet.at(**_ROW), name="audit-sink"),
    path("audit/sinks/<str:sink>/test/", SinkViewSet.at(post="test"), name="audit-sink-test"),
    path("audit/<int:id>/", AuditViewSet.at(get="retrieve"), name="audit-entry"),
]
