"""``/replication/following/holding/`` and ``…/limits/``: what a replica holds, and how fast and when it fetches."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, NumberField, StrictSerializer, TextField, WordsField
from accounts.api.resources import Resource, gone
from accounts.permissions import require_administrator, require_sight_of_operation
from indexapp.domain.copy_filter import CopyFilter
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.domain.replication.holding import Hold, read
from indexapp.models import FetchLimit, Holding
from indexapp.services.replication import choosing, holding, pacing, previewing, room

_SEE = "see what this replica holds"
_MOST = 2**62


def _patterns(help_text: str) -> WordsField:
    return WordsField(child=TextField(max_length=100), required=False, default=list, help_text=help_text)


class HoldSerializer(StrictSerializer):
    """Filters, all of them: what is not named limits nothing."""

    indexes = _patterns("Names of indexes, or patterns such as `team-*`; empty for all.")
    without = _patterns("But not these indexes.")
    include = _patterns("Normalised names of projects, or patterns such as `acme-*`; empty for all.")
    exclude = _patterns("But not these projects.")
    newest = NumberField(min_value=1, allow_null=True, default=None, help_text="Releases of each project.")
    with_wheels = FlagField(default=True)
    with_sdists = FlagField(default=True)
    with_prereleases = FlagField(default=True, help_text="Where false, they stay of projects that have nothing else.")
    platforms = WordsField(child=serializers.ChoiceField(choices=list(PLATFORMS)), required=False, default=list)
    pythons = WordsField(child=TextField(max_length=10), required=False, default=list)
    max_file_size = NumberField(min_value=1, max_value=_MOST, allow_null=True, default=None, help_text="Bytes.")
    budget = NumberField(min_value=1, max_value=_MOST, allow_null=True, default=None, help_text="Bytes of all files.")

    @staticmethod
    def split(given: dict[str, Any]) -> tuple[Hold, int | None]:
        """The filters and the budget."""
        rest = {name: value for name, value in given.items() if name not in {"indexes", "without", "budget"}}
        return Hold(given["indexes"], given["without"], CopyFilter(**rest)), given["budget"]


class HeldSerializer(HoldSerializer):
    """The filters as they are, and what has come of them; `is_settled` is false while they are still being applied."""

    is_settled = serializers.BooleanField()
    held_blobs = serializers.IntegerField(help_text="Contents that are here.")
    held_bytes = serializers.IntegerField()
    not_held_files = serializers.IntegerField(help_text="Files of which no bytes are to be here.")
    not_held_bytes = serializers.IntegerField()


class TallySerializer(serializers.Serializer[Any]):
    """Some files and their bytes."""

    files = serializers.IntegerField()
    bytes = serializers.IntegerField()


class MovesSerializer(serializers.Serializer[Any]):
    """What filters would do."""

    held = TallySerializer(help_text="What would be held in all.")
    left_out = TallySerializer(help_text="What would not.")
    dropped = TallySerializer(help_text="Of the latter: what is here now.")
    cancelled = TallySerializer(help_text="And what is on its way now.")
    fetched = TallySerializer(help_text="What would have to be fetched that is not fetched now.")


class IndexMovesSerializer(MovesSerializer):
    """The same of one index."""

    index = serializers.CharField()


class HoldPreviewSerializer(MovesSerializer):
    """What filters would do; where `is_whole` is false, only `projects` of `of_projects` were looked at in the time."""

    is_whole = serializers.BooleanField()
    projects = serializers.IntegerField()
    of_projects = serializers.IntegerField()
    indexes = IndexMovesSerializer(many=True)


class LimitSerializer(StrictSerializer):
    """How fast and when bytes are fetched, all of it: what is not named limits nothing."""

    rate = NumberField(allow_null=True, default=None, help_text="Bytes a second in all; null for as fast as can be.")
    windows = WordsField(
        child=TextField(max_length=20),
        required=False,
        default=list,
        help_text="Times of the day, such as `22:00-06:00`; empty for any.",
    )
    zone = TextField(max_length=64, default="UTC", help_text="The time zone of these times, such as `Europe/Berlin`.")


class LimitedSerializer(LimitSerializer):
    """The limits as they are."""

    waits = serializers.CharField(help_text="Why nothing is fetched now; else empty.")


_EXAMPLE = OpenApiExample(
    "Some indexes, five releases, 500 GB",
    value={"indexes": ["main", "team-*"], "newest": 5, "budget": 500_000_000_000},
    request_only=True,
)


@extend_schema(tags=["Replication"])
class HoldingViewSet(Resource):
    """Which bytes this replica holds; seen by who runs the installation, changed by administrators."""

    model = Holding
    serializer_class = HeldSerializer

    @extend_schema(summary="Read what is held", responses=HeldSerializer)
    def retrieve(self, request: Request) -> Response:
        """The filters, whether they are applied, and what is here."""
        require_sight_of_operation(self.actor, _SEE)
        return self._told()

    @extend_schema(summary="Say what is held", request=HoldSerializer, responses=HeldSerializer, examples=[_EXAMPLE])
    def update(self, request: Request) -> Response:
        """Takes the place of all filters; it is applied portion by portion, beginning within seconds."""
        require_administrator(self.actor, choosing.DEED)
        wanted, budget = HoldSerializer.split(self.body(HoldSerializer))
        choosing.hold(actor=self.actor, wanted=wanted, budget=budget)
        return self._told()

    @extend_schema(summary="Hold everything", responses={204: None})
    def destroy(self, request: Request) -> Response:
        """No filter, no budget."""
        choosing.hold_all(actor=self.actor)
        return gone()

    @extend_schema(
        summary="Preview filters", request=HoldSerializer, responses=HoldPreviewSerializer, examples=[_EXAMPLE]
    )
    def preview(self, request: Request) -> Response:
        """What the same body would do to PUT: files and bytes that would go and that would come.  Nothing is changed."""
        require_administrator(self.actor, choosing.DEED)
        wanted, budget = HoldSerializer.split(self.body(HoldSerializer))
        found = previewing.preview(actor=self.actor, wanted=wanted, budget=budget, patience=previewing.PATIENCE)
        return Response(found.as_json())

    def _told(self) -> Response:
        told = holding.told()
        return Response({**read(told.pop("filters")).as_json(), **told})


@extend_schema(tags=["Replication"])
class LimitViewSet(Resource):
    """How fast and when this replica fetches bytes; seen and changed by the same."""

    model = FetchLimit
    serializer_class = LimitedSerializer

    @extend_schema(summary="Read the limits of fetching", responses=LimitedSerializer)
    def retrieve(self, request: Request) -> Response:
        """Rate, times of the day, and why nothing is fetched now."""
        require_sight_of_operation(self.actor, _SEE)
        return self._told()

    @extend_schema(
        summary="Limit fetching",
        request=LimitSerializer,
        responses=LimitedSerializer,
        examples=[
            OpenApiExample(
                "At night",
                value={"rate": 5_000_000, "windows": ["22:00-06:00"], "zone": "Europe/Berlin"},
                request_only=True,
            )
        ],
    )
    def update(self, request: Request) -> Response:
        """Takes the place of all limits within a second, also for what is being fetched."""
        require_administrator(self.actor, choosing.DEED)
        given = self.body(LimitSerializer)
        choosing.limit(actor=self.actor, rate=given["rate"], windows=given["windows"], zone=given["zone"])
        return self._told()

    @extend_schema(summary="Fetch without limits", responses={204: None})
    def destroy(self, request: Request) -> Response:
        """At any time, as fast as can be."""
        choosing.limit(actor=self.actor, rate=None, windows=[], zone="UTC")
        return gone()

    def _told(self) -> Response:
        return Response(pacing.told() | {"waits": pacing.waits() or room.waits()})
