"""``/replication/…``: how replication stands here, who may follow this site, and whom it follows, for people and automation."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED

from accounts.api.bodies import FlagField, NoBodySerializer, StrictSerializer, TextField
from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource, gone, made
from accounts.permissions import require_administrator, require_sight_of_operation
from indexapp.api.v1.replication_bodies import (
    EpochSerializer,
    InvitedReplicaSerializer,
    ReplicaSerializer,
    StandingSerializer,
    WantedSerializer,
)
from indexapp.models import Following, Replica, WantedBlob
from indexapp.services.replication import credentials, joining, overview
from tpi_site.kit.errors import NotFound

_SEE = "see how replication stands"


class NewReplicaSerializer(StrictSerializer):
    """A site that may follow this one."""

    name = TextField(max_length=64, help_text="Lower-case letters, digits and hyphens, for example `munich`.")


class JoinSerializer(StrictSerializer):
    """Whom to follow."""

    primary_url = TextField(max_length=500, help_text="The address of the primary.")
    secret = TextField(max_length=200, help_text="What the primary gave when it invited this site.")
    ca_certificates = TextField(
        max_length=100_000,
        allow_blank=True,
        default="",
        help_text="PEM of the authorities of the primary's certificate; empty for the system's.",
    )


class LeaveSerializer(StrictSerializer):
    """What is given up."""

    accept_missing = FlagField(default=False, help_text="Leave although contents are missing, and give them up.")


class WantedFilter(Filters):
    """Filters of the list of what is missing."""

    failing = FlagFilter(method="by_failing", label="Whether it was tried and did not come.")
    rank = filters.ChoiceFilter(choices=WantedBlob.Rank.choices, label="0: of hosted indexes; 1: of mirrors.")

    def by_failing(self, rows: QuerySet[WantedBlob], name: str, value: bool) -> QuerySet[WantedBlob]:  # noqa: FBT001  django-filter's signature
        """By whether there was an attempt."""
        return rows.filter(attempts__gt=0) if value else rows.filter(attempts=0)


@extend_schema(tags=["Replication"])
class StandingViewSet(Resource):
    """How replication stands, for operators, security officers, auditors and administrators."""

    model = Following
    serializer_class = StandingSerializer

    @extend_schema(summary="Read how replication stands", responses=StandingSerializer)
    def retrieve(self, request: Request) -> Response:
        """Role, epoch, both lags, last contact and failure; the same as `manage.py replication status --json`."""
        require_sight_of_operation(self.actor, _SEE)
        return Response(overview.told())


@extend_schema(tags=["Replication"])
class ReplicaViewSet(Resource):
    """Sites that may follow this one; seen by who runs the installation, changed by administrators."""

    model = Replica
    serializer_class = ReplicaSerializer

    def rows(self) -> QuerySet[Replica]:
        """All, for whom they are for."""
        require_sight_of_operation(self.actor, _SEE)
        return overview.replicas()

    @extend_schema(summary="List replicas")
    def list(self, request: Request) -> Response:
        """In the order in which they were invited."""
        return self.listed()

    @extend_schema(
        summary="Invite a replica",
        request=NewReplicaSerializer,
        responses={201: InvitedReplicaSerializer},
        examples=[OpenApiExample("A second site", value={"name": "munich"}, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """The secret is in this answer and never again; who has it reads everything."""
        row, secret = credentials.invite(actor=self.actor, name=self.body(NewReplicaSerializer)["name"])
        told = {**ReplicaSerializer(row).data, "secret": secret}
        return made(told, request._request, reverse("api:replication-replica", args=[row.name]))

    @extend_schema(summary="Read a replica")
    def retrieve(self, request: Request, replica: str) -> Response:
        """One replica, and what it has told last."""
        return self.shown(self._one(replica))

    @extend_schema(summary="Revoke a replica", responses={204: None})
    def destroy(self, request: Request, replica: str) -> Response:
        """It may follow no more; what it has, it keeps."""
        credentials.revoke(actor=self.actor, replica=self._one(replica))
        return gone()

    @extend_schema(summary="Revoke a replica", request=NoBodySerializer, responses={204: None})
    def revoke(self, request: Request, replica: str) -> Response:
        """The same as DELETE."""
        self.body(NoBodySerializer)
        return self.destroy(request, replica)

    def _one(self, name: str) -> Replica:
        found = self.rows().filter(name=name).first()
        if found is None:
            raise NotFound(f"There is no replica named '{name[:64]}'.", code="replica-unknown")
        return found


@extend_schema(tags=["Replication"])
class FollowingViewSet(Resource):
    """Whom this site follows: joining and leaving are the administrators', pausing and resuming the operators' too."""

    model = Following
    serializer_class = StandingSerializer

    @extend_schema(
        summary="Join a primary",
        request=JoinSerializer,
        responses={201: StandingSerializer},
        examples=[
            OpenApiExample("Join", value={"primary_url": "https://pkg.corp.example/", "secret": "…"}, request_only=True)
        ],
    )
    def join(self, request: Request) -> Response:
        """An empty installation becomes a replica; accounts and tokens are the primary's from then on."""
        require_administrator(self.actor, "make this installation a replica")
        given = self.body(JoinSerializer)
        joining.join(
            actor=self.actor,
            url=given["primary_url"],
            secret=given["secret"],
            ca_certificates=given["ca_certificates"],
        )
        return Response(overview.told(), status=HTTP_201_CREATED)

    @extend_schema(summary="Pause following", request=NoBodySerializer, responses=StandingSerializer)
    def pause(self, request: Request) -> Response:
        """Take nothing from the primary for now; what is here is served."""
        self.body(NoBodySerializer)
        joining.pause(actor=self.actor)
        return self._told()

    @extend_schema(summary="Resume following", request=NoBodySerializer, responses=StandingSerializer)
    def resume(self, request: Request) -> Response:
        """Follow again, and try at once what was put off."""
        self.body(NoBodySerializer)
        joining.resume(actor=self.actor)
        return self._told()

    @extend_schema(summary="Leave the primary", request=LeaveSerializer, responses=EpochSerializer)
    def leave(self, request: Request) -> Response:
        """Follow nobody any more and take changes, in a new epoch; the old primary is not told."""
        epoch = joining.leave(actor=self.actor, accepts_missing=self.body(LeaveSerializer)["accept_missing"])
        return Response(EpochSerializer(epoch).data)

    def _told(self) -> Response:
        told: dict[str, Any] = overview.told()
        return Response(told)


@extend_schema(tags=["Replication"])
class WantedViewSet(Resource):
    """Contents that the primary has and this replica has not yet."""

    model = WantedBlob
    serializer_class = WantedSerializer
    filterset_class = WantedFilter

    def rows(self) -> QuerySet[WantedBlob]:
        """All, for whom they are for."""
        require_sight_of_operation(self.actor, _SEE)
        return WantedBlob.objects.all()

    @extend_schema(summary="List missing contents")
    def list(self, request: Request) -> Response:
        """Those that were wanted first come first."""
        return self.listed()
