"""``/read-only/``: whether anything can be changed, and the switch."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import StrictSerializer
from accounts.api.resources import Resource, gone
from accounts.models import ReadOnlyPeriod
from accounts.permissions import require_sight_of_operation
from accounts.services import read_only as switch
from tpi_site.kit import read_only


class ReadOnlyStateSerializer(serializers.Serializer[ReadOnlyPeriod]):
    """Whether read-only mode is on, and since when."""

    is_on = serializers.BooleanField()
    reason = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    started_by = serializers.CharField()


class ReadOnlySwitchSerializer(StrictSerializer):
    """Why the mode is switched on; everybody sees it."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


@extend_schema(tags=["Operation"])
class ReadOnlyViewSet(Resource):
    """Read-only mode, for operators and administrators."""

    model = ReadOnlyPeriod
    serializer_class = ReadOnlyStateSerializer

    @extend_schema(summary="Read whether the installation is read-only", responses=ReadOnlyStateSerializer)
    def retrieve(self, request: Request) -> Response:
        """On by the switch or by `TPI_READ_ONLY`."""
        require_sight_of_operation(self.actor, "see this")
        return self._state()

    @extend_schema(
        summary="Switch read-only mode on", request=ReadOnlySwitchSerializer, responses=ReadOnlyStateSerializer
    )
    def switch_on(self, request: Request) -> Response:
        """Within a second every node refuses changes with 503 `read-only`; reads go on."""
        switch.turn_on(actor=self.actor, reason=self.body(ReadOnlySwitchSerializer)["reason"])
        return self._state()

    @extend_schema(summary="Switch read-only mode off", responses={204: None})
    def switch_off(self, request: Request) -> Response:
        """Changes are taken again, everywhere within a second."""
        switch.turn_off(actor=self.actor)
        return gone()

    def _state(self) -> Response:
        row = switch.present()
        reason = row.reason if row else read_only.why()
        return Response(
            {
                "is_on": reason is not None,
                "reason": reason or "",
                "started_at": row.started_at if row else None,
                "started_by": row.started_by if row else "",
            }
        )
