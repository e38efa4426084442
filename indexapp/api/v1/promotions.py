"""Taking over by REST: saying on a primary which replica may, and on a replica what would be lost, and doing it."""

from __future__ import annotations

from itertools import islice

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, NoBodySerializer, StrictSerializer, TextField
from accounts.api.resources import Resource
from accounts.permissions import require_administrator
from indexapp.api.v1.replication import ReplicaViewSet
from indexapp.api.v1.replication_bodies import LossSerializer, PromotionSerializer, ReplicaSerializer
from indexapp.models import Following
from indexapp.services.replication import heirs, promoting

_MOST = 1000


class AppointmentSerializer(StrictSerializer):
    """Where the replica is found."""

    url = TextField(max_length=500, help_text="Where it is asked whether it took over, and where clients find it then.")
    ca_certificates = TextField(
        max_length=100_000, allow_blank=True, default="", help_text="PEM of the authorities of its certificate."
    )


class PromoteSerializer(StrictSerializer):
    """What is given up, and whether the primary is asked first."""

    accept_missing = FlagField(default=False, help_text="Promote although bytes are missing.")
    primary_is_down = FlagField(default=False, help_text="Do not ask the primary to stop first.")


@extend_schema(tags=["Replication"])
class HeirViewSet(ReplicaViewSet):
    """Which replicas may take over; administrators say."""

    @extend_schema(summary="Let a replica take over", request=AppointmentSerializer, responses=ReplicaSerializer)
    def appoint(self, request: Request, replica: str) -> Response:
        """From now on it is asked at that address whether it did."""
        row = self._one(replica)
        heirs.appoint(actor=self.actor, replica=row, **self.body(AppointmentSerializer))
        return self.shown(self._one(replica))

    @extend_schema(summary="Let a replica not take over", request=NoBodySerializer, responses=ReplicaSerializer)
    def dismiss(self, request: Request, replica: str) -> Response:
        """It follows on, and is not asked any more."""
        row = self._one(replica)
        self.body(NoBodySerializer)
        heirs.dismiss(actor=self.actor, replica=row)
        return self.shown(self._one(replica))


@extend_schema(tags=["Replication"])
class PromotionViewSet(Resource):
    """Making this replica the primary, by administrators."""

    model = Following
    serializer_class = LossSerializer

    @extend_schema(summary="Read what a promotion would lose", responses=LossSerializer)
    def retrieve(self, request: Request) -> Response:
        """The files whose bytes are not here, and how far behind this site knows itself to be."""
        require_administrator(self.actor, "see what a promotion would lose")
        row = promoting.require_appointed(Following.objects.first())
        return Response(
            LossSerializer(
                {
                    "contact_at": row.contact_at,
                    "serial": row.cursor,
                    "serials_behind": max(0, row.primary_serial - row.cursor),
                    "missing": promoting.count_missing(),
                    "files": list(islice(promoting.missing(), _MOST)),
                }
            ).data
        )

    @extend_schema(summary="Promote this replica", request=PromoteSerializer, responses=PromotionSerializer)
    def promote(self, request: Request) -> Response:
        """It becomes the primary in a new epoch; refused while bytes are missing, unless their loss is accepted."""
        given = self.body(PromoteSerializer)
        made = promoting.promote(
            actor=self.actor, accepts_missing=given["accept_missing"], asks_primary=not given["primary_is_down"]
        )
        return Response(PromotionSerializer(made).data)
