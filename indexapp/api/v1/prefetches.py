"""``…/prefetches/``: fetching the files of a list of requirements before anybody asks for them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import permissions
from accounts.api.bodies import NoBodySerializer, StrictSerializer, TextField, WordsField
from accounts.api.filtering import Filters
from accounts.api.resources import Resource
from accounts.domain.actors import Method
from indexapp.api.v1 import access
from indexapp.api.v1.list_bodies import ListFormParser, ListParser
from indexapp.domain.locks.reading import SourceKind
from indexapp.domain.locks.targets import PLATFORMS
from indexapp.domain.locks.wanted import MOST_BYTES
from indexapp.models import Index, PrefetchItem, PrefetchJob
from indexapp.services.prefetch import asking, showing
from tpi_site.kit.errors import Invalid, NotFound, Unseen


class PrefetchSerializer(serializers.ModelSerializer[PrefetchJob]):
    """A prefetch and how far it is; until its files are known, `total` counts requirements."""

    index = serializers.CharField(source="index.name", read_only=True)
    targets = serializers.SerializerMethodField(help_text="For each a version of Python and a platform.")
    pin = serializers.BooleanField(source="is_pinning", read_only=True, help_text="Whether what it brings is pinned.")
    notes = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="What was left out and why.")

    class Meta:
        model = PrefetchJob
        fields = (
            *("id", "index", "name", "kind", "targets", "with_sdists", "pin", "state", "total", "done", "failed"),
            *("fetched_bytes", "message", "notes", "created_by", "created_at", "started_at", "ended_at"),
        )
        read_only_fields = fields

    def get_targets(self, row: PrefetchJob) -> list[list[str]]:
        """As they were given."""
        found: list[list[str]] = row.targets
        return found


class PrefetchItemSerializer(serializers.ModelSerializer[PrefetchItem]):
    """A file, or a requirement of which the files are not known; `size` is what was fetched.

    A name of ours that you may not know of is like one that is not there.
    """

    state = serializers.ChoiceField(PrefetchItem.State.choices, source="told_state", read_only=True)
    reason = serializers.SerializerMethodField()

    class Meta:
        model = PrefetchItem
        fields = ("id", "project", "version", "filename", "state", "reason", "attempts", "size")
        read_only_fields = fields

    def get_reason(self, row: PrefetchItem) -> str:
        """Why it stands so."""
        return showing.reason(row)


class NewPrefetchSerializer(StrictSerializer):
    """A list as text, and the machines that it is for."""

    filename = TextField(max_length=300, help_text="Says what wrote the list, unless `kind` does.")
    content = TextField(max_length=MOST_BYTES, trim_whitespace=False, help_text="The text of the list.")
    kind = serializers.ChoiceField(choices=[kind.value for kind in SourceKind], required=False)
    pythons = WordsField(child=TextField(max_length=10), default=list(asking.DEFAULT_PYTHONS))
    platforms = WordsField(
        child=serializers.ChoiceField(choices=list(PLATFORMS)), default=list(asking.DEFAULT_PLATFORMS)
    )
    with_sdists = serializers.BooleanField(default=False, help_text="Source distributions too, where wheels fit.")
    pin = serializers.BooleanField(
        default=False, help_text="Keep what is brought when the mirror has no room any more."
    )


class PrefetchFormSerializer(NewPrefetchSerializer):
    """The same as a form; `filename` is the file's unless it is given."""

    content = None  # type: ignore[assignment]  # DRF's way to leave a field out
    filename = TextField(max_length=300, required=False)
    kind = TextField(max_length=20, required=False, help_text="As in JSON.")  # type: ignore[assignment]  # the same words, looked at later
    file = serializers.FileField(help_text="The list.")


class PrefetchFilter(Filters):
    """Filters of the list of prefetches."""

    state = filters.ChoiceFilter(choices=PrefetchJob.State.choices, method="by_state", label="How it stands.")

    def by_state(self, rows: QuerySet[PrefetchJob], name: str, value: str) -> QuerySet[PrefetchJob]:
        """Those that stand so for who asks."""
        return showing.in_state(permissions.actor(self.request), rows, value)


class PrefetchItemFilter(Filters):
    """Filters of the items."""

    state = filters.ChoiceFilter(choices=PrefetchItem.State.choices, method="by_state", label="How it stands.")

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[PrefetchItem]:
        """As the other."""
        return rows.filter(told_state=value)


_EXAMPLE = OpenApiExample(
    "Pins", value={"filename": "requirements.txt", "content": "acme-tool==1.0\n"}, request_only=True
)


class _OfPrefetches(Resource):
    """For who administers the index; who watches the installation looks on."""

    def jobs(self) -> QuerySet[PrefetchJob]:
        """The prefetches of the index that the address names."""
        name = self.kwargs["index"]
        if not self.actor.sees_operation:
            access.index_to_change(self.actor, name)
        elif (found := Index.objects.filter(name=name).first()) is None:
            raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
        else:
            access.require_token_where_needed(self.actor, found)
        return asking.visible_to(self.actor).filter(index__name=name)

    def job(self) -> PrefetchJob:
        """The one that the address names."""
        key = self.kwargs["id"]
        found = self.jobs().filter(pk=key).first() if key < 2**63 else None
        if found is None:
            raise Unseen("There is no such prefetch of this index.", code="prefetch-unknown")
        return found


@extend_schema(tags=["Prefetches"])
class PrefetchViewSet(_OfPrefetches):
    """Prefetches of an index."""

    model = PrefetchJob
    ordering = "-pk"
    serializer_class = PrefetchSerializer
    filterset_class = PrefetchFilter
    parser_classes = (ListParser, ListFormParser)

    def rows(self) -> QuerySet[PrefetchJob]:
        """As :meth:`jobs`."""
        return self.jobs()

    def get_serializer(self, *given: Any, **options: Any) -> Any:
        """Of rows as the actor is told of them."""
        if given:
            showing.fit(self.actor, given[0] if options.get("many") else given[:1])
        return super().get_serializer(*given, **options)

    @extend_schema(summary="List prefetches")
    def list(self, request: Request, index: str) -> Response:
        """The newest first; those that ended are kept for 30 days."""
        return self.listed()

    @extend_schema(
        summary="Prefetch a list",
        request={"application/json": NewPrefetchSerializer, "multipart/form-data": PrefetchFormSerializer},
        responses={201: PrefetchSerializer},
        examples=[_EXAMPLE],
    )
    def create(self, request: Request, index: str) -> Response:
        """The job cluster fetches what it names; for who administers the index and, with a group, its mirrors."""
        row = access.index_to_change(self.actor, index)
        if self.actor.method is Method.SESSION and ListFormParser.media_type in request.content_type.lower():
            raise Invalid(
                "With a browser's session send the list as JSON; a form is taken with a token.", code="form-in-session"
            )
        given = self.body(NewPrefetchSerializer)
        kind = SourceKind(given["kind"]) if "kind" in given else None
        asked = asking.Request(
            filename=given["filename"],
            text=given["content"],
            pythons=given["pythons"],
            platforms=given["platforms"],
            with_sdists=given["with_sdists"],
            kind=kind,
            pins=given["pin"],
        )
        job = asking.begin(actor=self.actor, index=row, request=asked)
        return self.created(job, reverse("api:prefetch", args=[index, job.pk]))

    @extend_schema(summary="Read a prefetch")
    def retrieve(self, request: Request, index: str, id: int) -> Response:  # noqa: A002  the address's word
        """How far it is."""
        return self.shown(self.job())

    @extend_schema(summary="Cancel a prefetch", request=NoBodySerializer, responses=PrefetchSerializer)
    def cancel(self, request: Request, index: str, id: int) -> Response:  # noqa: A002  as above
        """What was fetched stays."""
        access.index_to_change(self.actor, index)
        job = self.job()
        self.body(NoBodySerializer)
        asking.cancel(actor=self.actor, job=job)
        return self.shown(job)


@extend_schema(tags=["Prefetches"])
class PrefetchItemViewSet(_OfPrefetches):
    """What became of each file."""

    model = PrefetchItem
    serializer_class = PrefetchItemSerializer
    filterset_class = PrefetchItemFilter

    def rows(self) -> QuerySet[PrefetchItem]:
        """Of the prefetch that the address names."""
        return showing.items(self.actor, self.job())

    @extend_schema(summary="List the items of a prefetch")
    def list(self, request: Request, index: str, id: int) -> Response:  # noqa: A002  as above
        """`state=failed` tells what could not be had, and why."""
        return self.listed()
