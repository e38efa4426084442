"""``…/copy-plan/``: that a mirror copies its upstream by itself, and what of it."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, NumberField, StrictSerializer, TextField, WordsField
from accounts.api.resources import Resource
from indexapp.api.v1 import access
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.models import Index, MirrorPlan, PlannedName
from indexapp.services.mirrors import copying, plans
from tpi_site.kit.errors import NotFound

_MOST_BYTES = 2**62


class CopyPlanSerializer(serializers.ModelSerializer[MirrorPlan]):
    """A mirror's plan and how it stands; `cursor` is the upstream's serial up to which its list was read."""

    waiting = serializers.SerializerMethodField(help_text="Names that are to be copied now.")
    given_up = serializers.SerializerMethodField(help_text="Names that could not be copied; `given-up/` lists them.")
    held_bytes = serializers.SerializerMethodField(help_text="Of the files that are here.")

    class Meta:
        model = MirrorPlan
        fields = (*plans.EDITABLE, "cursor", "state", "message", "listed_at", "waiting", "given_up", "held_bytes")
        read_only_fields = fields

    def get_waiting(self, row: MirrorPlan) -> int:
        """Counted now."""
        return copying.due_names(row)

    def get_given_up(self, row: MirrorPlan) -> int:
        """Counted now."""
        return copying.given_up(row).count()

    def get_held_bytes(self, row: MirrorPlan) -> int:
        """Added up now."""
        return copying.held_bytes(row)


class GivenUpSerializer(serializers.ModelSerializer[PlannedName]):
    """A name of the upstream that could not be copied."""

    name = serializers.CharField(source="normalized_name", read_only=True)
    again_at = serializers.DateTimeField(source="not_before", read_only=True, help_text="When it is tried again.")

    class Meta:
        model = PlannedName
        fields = ("name", "reason", "again_at")
        read_only_fields = fields


class CopyPlanChangeSerializer(StrictSerializer):
    """What may be changed of a plan; null and empty lists let everything through."""

    is_on = FlagField(required=False)
    include = WordsField(child=TextField(max_length=100), required=False, help_text="Patterns such as `acme-*`.")
    exclude = WordsField(child=TextField(max_length=100), required=False)
    newest = NumberField(min_value=1, allow_null=True, required=False, help_text="Releases of each project.")
    with_wheels = FlagField(required=False)
    with_sdists = FlagField(required=False)
    with_prereleases = FlagField(required=False)
    platforms = WordsField(child=serializers.ChoiceField(choices=list(PLATFORMS)), required=False)
    pythons = WordsField(child=TextField(max_length=10), required=False)
    max_file_size = NumberField(min_value=1, max_value=_MOST_BYTES, allow_null=True, required=False)
    byte_budget = NumberField(
        min_value=1, max_value=_MOST_BYTES, allow_null=True, required=False, help_text="Of all files of the mirror."
    )
    every_minutes = NumberField(required=False, help_text="How often the list is read.")


_EXAMPLE = OpenApiExample("Some projects", value={"is_on": True, "include": ["acme-*"], "newest": 3}, request_only=True)


class _OfPlans(Resource):
    """For who administers the mirror; who watches the installation looks on."""

    def index_seen(self, name: str) -> Index:
        """The index that the address names."""
        if not self.actor.sees_operation:
            return access.index_to_change(self.actor, name)
        found = Index.objects.filter(name=name).first()
        if found is None:
            raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
        access.require_token_where_needed(self.actor, found)
        return found


@extend_schema(tags=["Mirrors"])
class CopyPlanViewSet(_OfPlans):
    """That a mirror copies its upstream by itself."""

    model = MirrorPlan
    serializer_class = CopyPlanSerializer

    @extend_schema(summary="Read a mirror's plan")
    def retrieve(self, request: Request, index: str) -> Response:
        """One that nobody has made is switched off."""
        return self.shown(plans.of(self.index_seen(index)))

    @extend_schema(
        summary="Change a mirror's plan",
        request=CopyPlanChangeSerializer,
        responses=CopyPlanSerializer,
        examples=[_EXAMPLE],
    )
    def partial_update(self, request: Request, index: str) -> Response:
        """A filter that was changed makes the next round look at everything again."""
        row = access.index_to_change(self.actor, index)
        return self.shown(plans.change(actor=self.actor, index=row, **self.changes(CopyPlanChangeSerializer)))


@extend_schema(tags=["Mirrors"])
class GivenUpViewSet(_OfPlans):
    """Names that a plan could not copy."""

    model = PlannedName
    serializer_class = GivenUpSerializer

    def rows(self) -> QuerySet[PlannedName]:
        """Of the mirror that the address names."""
        return copying.given_up(plans.of(self.index_seen(self.kwargs["index"])))

    @extend_schema(summary="List what a mirror's plan could not copy")
    def list(self, request: Request, index: str) -> Response:
        """With the reason; each is tried again once a week."""
        return self.listed()
