"""``/mirror-sites/``: who serves files for this installation, and ``…/sending/``: what an index does with them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, NoBodySerializer, NumberField, ReasonSerializer, StrictSerializer, TextField
from accounts.api.bodies import WordsField as Words
from accounts.api.filtering import Filters
from accounts.api.resources import Resource, gone
from accounts.permissions import require_administrator, require_sight_of_operation
from indexapp.models import Index, IndexSending, MirrorSite
from indexapp.services.sites import settings
from tpi_site.kit.errors import NotFound

_SEE = "see mirror sites"
_CHANGE = "say which mirror sites there are"
_MOST_CERTIFICATES = 100_000
_URL = "Where its tree is; `{index}` stands for the index's name where it serves several."


class MirrorSiteSerializer(serializers.ModelSerializer[MirrorSite]):
    """A site, without its key."""

    networks = serializers.ListField(child=serializers.CharField(), read_only=True)
    indexes = serializers.SerializerMethodField()
    has_signing_key = serializers.SerializerMethodField(help_text="Whether a key is kept; it is never shown.")

    class Meta:
        model = MirrorSite
        fields = (
            "name", "base_url", "region", "networks", "weight", "capacity", "indexes", "sending", "takes_private", "signing",
            "has_signing_key", "ca_certificates", "lag_hours", "state", "state_at", "reason", "checked_at", "next_check_at",
            "failures", "share", "milliseconds", "created_at", "created_by",
        )  # fmt: skip
        read_only_fields = fields

    def get_indexes(self, row: MirrorSite) -> list[str]:
        """The names of the indexes whose files it has."""
        return sorted(each.index.name for each in row.site_indexes.all())

    def get_has_signing_key(self, row: MirrorSite) -> bool:
        """Whether addresses at it are signed."""
        return bool(row.signing_key)


class MirrorSiteChangeSerializer(StrictSerializer):
    """What may be changed of a site; where it is asked otherwise then, it is on probation again."""

    base_url = TextField(max_length=500, required=False, help_text=_URL)
    region = TextField(
        max_length=64, allow_blank=True, required=False, help_text="From the large to the small: `eu-de`."
    )
    networks = Words(child=TextField(max_length=64), required=False, help_text="Of clients that are near it.")
    weight = serializers.FloatField(required=False, help_text="Its share among those that are equally near.")
    capacity = NumberField(
        min_value=1,
        max_value=2**62 - 1,
        allow_null=True,
        required=False,
        help_text="Bytes a second; null where nobody knows.",
    )
    indexes = Words(child=TextField(max_length=64), required=False, help_text="Whose files it has.")
    sending = serializers.ChoiceField(choices=MirrorSite.Sending.choices, required=False)
    takes_private = FlagField(required=False, help_text="Whether it may have files that not everybody may read.")
    signing = serializers.ChoiceField(choices=MirrorSite.Signing.choices, required=False)
    signing_key = TextField(
        max_length=200, required=False, write_only=True, help_text="16 to 200 characters, never shown."
    )
    ca_certificates = TextField(
        max_length=_MOST_CERTIFICATES, allow_blank=True, required=False, help_text="PEM; empty: the system's."
    )
    lag_hours = NumberField(min_value=0, max_value=24 * 366, required=False, help_text="How old its tree may be.")


class NewMirrorSiteSerializer(MirrorSiteChangeSerializer):
    """A new site."""

    name = TextField(max_length=64, help_text="Lower-case letters, digits and hyphens.")
    base_url = TextField(max_length=500, help_text=_URL)


class SendingSerializer(StrictSerializer):
    """What an index does with its mirror sites."""

    mode = serializers.ChoiceField(choices=IndexSending.Mode.choices)


class MirrorSiteFilter(Filters):
    """Filters of the list of sites."""

    state = filters.ChoiceFilter(choices=MirrorSite.State.choices, label="How it does.")


_EXAMPLE = OpenApiExample(
    "A site for Europe",
    value={"name": "eu-1", "base_url": "https://eu-1.mirror.example/", "indexes": ["main"], "region": "eu"},
    request_only=True,
)


@extend_schema(tags=["Mirror sites"])
class MirrorSiteViewSet(Resource):
    """Mirror sites: seen by who watches the installation, registered by administrators, taken out by operators too."""

    model = MirrorSite
    ordering = "name"
    serializer_class = MirrorSiteSerializer
    filterset_class = MirrorSiteFilter

    def rows(self) -> QuerySet[MirrorSite]:
        """All, for whom they are for."""
        require_sight_of_operation(self.actor, _SEE)
        return MirrorSite.objects.prefetch_related("site_indexes__index")

    @extend_schema(summary="List mirror sites")
    def list(self, request: Request) -> Response:
        """By name."""
        return self.listed()

    @extend_schema(
        summary="Register a mirror site",
        request=NewMirrorSiteSerializer,
        responses={201: MirrorSiteSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request) -> Response:
        """It is on probation: nobody is given it before it has passed three checks."""
        require_administrator(self.actor, _CHANGE)
        row = settings.register(actor=self.actor, **self.body(NewMirrorSiteSerializer))
        return self.created(row, reverse("api:mirror-site", args=[row.name]))

    @extend_schema(summary="Read a mirror site")
    def retrieve(self, request: Request, site: str) -> Response:
        """One site, with how it did when it was checked last."""
        return self.shown(self._one(site))

    @extend_schema(
        summary="Change a mirror site", request=MirrorSiteChangeSerializer, responses={200: MirrorSiteSerializer}
    )
    def partial_update(self, request: Request, site: str) -> Response:
        """What is named is changed."""
        row = self._one_to_change(site)
        settings.change(actor=self.actor, site=row, **self.changes(MirrorSiteChangeSerializer))
        return self.shown(self._one(site))

    @extend_schema(summary="Retire a mirror site", responses={204: None})
    def destroy(self, request: Request, site: str) -> Response:
        """Nobody is given it any more, and nothing is kept of it but the audit log."""
        settings.retire(actor=self.actor, site=self._one_to_change(site))
        return gone()

    @extend_schema(summary="Take a mirror site out", request=ReasonSerializer, responses=MirrorSiteSerializer)
    def take_out(self, request: Request, site: str) -> Response:
        """Nobody is given it until somebody puts it back."""
        reason = self.body(ReasonSerializer)["reason"]
        settings.take_out(actor=self.actor, site=self._one(site), reason=reason)
        return self.shown(self._one(site))

    @extend_schema(summary="Put a mirror site back", request=NoBodySerializer, responses=MirrorSiteSerializer)
    def put_back(self, request: Request, site: str) -> Response:
        """It is on probation again."""
        self.body(NoBodySerializer)
        settings.put_back(actor=self.actor, site=self._one(site))
        return self.shown(self._one(site))

    def _one_to_change(self, name: str) -> MirrorSite:
        require_administrator(self.actor, _CHANGE)
        return self._one(name)

    def _one(self, name: str) -> MirrorSite:
        found = self.rows().filter(name=name).first()
        if found is None:
            raise NotFound(f"There is no mirror site named '{name[:64]}'.", code="site-unknown")
        return found


@extend_schema(tags=["Mirror sites"])
class SendingViewSet(Resource):
    """Whether readers of an index are given bytes of mirror sites."""

    model = IndexSending
    serializer_class = SendingSerializer
    pagination_class = None
    filterset_class = None

    def rows(self) -> QuerySet[IndexSending]:
        """There is one at most, found by its index."""
        return IndexSending.objects.none()

    @extend_schema(summary="Read what an index does with mirror sites", responses=SendingSerializer)
    def retrieve(self, request: Request, index: str) -> Response:
        """Off, unless somebody said otherwise."""
        require_sight_of_operation(self.actor, _SEE)
        return Response({"mode": settings.mode_of(_index(index))})

    @extend_schema(
        summary="Say what an index does with mirror sites", request=SendingSerializer, responses=SendingSerializer
    )
    def partial_update(self, request: Request, index: str) -> Response:
        """Through the index at most, or by sending clients there."""
        require_administrator(self.actor, _CHANGE)
        given: dict[str, Any] = self.body(SendingSerializer)
        return Response({"mode": settings.set_mode(actor=self.actor, index=_index(index), mode=given["mode"]).mode})


def _index(name: str) -> Index:
    found = Index.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no index named '{name[:64]}'.", code="index-unknown")
    return found
