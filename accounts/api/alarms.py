"""``/alarms/``: what needs a person."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.api.bodies import NoBodySerializer
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone
from accounts.models import Alarm
from accounts.permissions import SIGN_IN
from accounts.services import alarms
from tpi_site.kit.errors import Forbidden, NotFound, Unauthenticated


class AlarmSerializer(serializers.ModelSerializer[Alarm]):
    """An alarm; open until `ended_at` is set."""

    class Meta:
        model = Alarm
        fields = ("id", "code", "subject", "sentence", "count", "raised_at", "last_at", "ended_at", "ended_by")
        read_only_fields = fields


class AlarmFilter(Filters):
    """Filters of the list of alarms."""

    open = FlagFilter(field_name="ended_at", lookup_expr="isnull", label="Whether nobody has seen to it yet.")
    code = filters.CharFilter(max_length=64, label="Which alarm, for example `directory-away`.")


@extend_schema(tags=["Alarms"])
class AlarmViewSet(Resource):
    """Alarms, for operators, security officers and administrators."""

    model = Alarm
    ordering = "-pk"
    serializer_class = AlarmSerializer
    filterset_class = AlarmFilter

    def rows(self) -> QuerySet[Alarm]:
        """All, for whom they are for; everybody else is refused."""
        if self.actor.is_anonymous:
            raise Unauthenticated(SIGN_IN)
        if not self.actor.sees_operation:
            raise Forbidden(
                "Only operators, security officers and administrators of the instance may see alarms.",
                code="right-missing",
            )
        return permissions.alarms_visible_to(self.actor)

    @extend_schema(summary="List alarms")
    def list(self, request: Request) -> Response:
        """The newest first, open and ended."""
        return self.listed()

    @extend_schema(summary="Read an alarm")
    def retrieve(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """One alarm."""
        return self.shown(self._one(id))

    @extend_schema(summary="End an alarm", request=NoBodySerializer, responses={204: None})
    def end(self, request: Request, id: int) -> Response:  # noqa: A002  the name in the address
        """Somebody has seen to it; if the cause goes on, a new one is raised."""
        row = self._one(id)
        self.body(NoBodySerializer)
        alarms.end(actor=self.actor, alarm=row)
        return gone()

    def _one(self, pk: int) -> Alarm:
        found = self.rows().filter(pk=pk).first()
        if found is None:
            raise NotFound("There is no such alarm.", code="alarm-unknown")
        return found
