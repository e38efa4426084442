"""``/vulnerabilities/``: advisories, their imports, and which releases that are held here are exposed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filtering import Filters, FlagFilter
from accounts.api.resources import Resource
from accounts.permissions import require_sight_of_operation
from indexapp.domain.names import normalize_name
from indexapp.domain.osv.severity import BANDS, severity_word
from indexapp.models import Advisory, AdvisoryImport, AdvisoryPackage, Release
from indexapp.services.vulnerabilities import exposure, exposure_export, usage
from indexapp.services.vulnerabilities.exposure import ExposedRelease
from indexapp.services.vulnerabilities.matching import KnownAdvisory
from tpi_site.kit.errors import NotFound

_LEAST = dict(BANDS)
_WORDS = [(word, word) for word, _ in BANDS]


class AdvisorySerializer(serializers.ModelSerializer[Advisory]):
    """An advisory; `score` is 0 to 10 by CVSS 3, null where the record gives none."""

    id = serializers.CharField(source="osv_id", read_only=True)
    severity = serializers.SerializerMethodField(help_text="The score as a word.")
    projects = serializers.SerializerMethodField(help_text="The normalised names that it speaks of.")

    def get_severity(self, row: Advisory) -> str:
        """By the bands of CVSS."""
        return severity_word(row.score)

    def get_projects(self, row: Advisory) -> list[str]:
        """In their order."""
        return sorted(one.normalized_name for one in row.packages.all())

    class Meta:
        model = Advisory
        fields = (
            *("id", "aliases", "summary", "severity", "score", "projects"),
            *("published", "modified", "withdrawn_at"),
        )
        read_only_fields = fields


class UnusableSerializer(serializers.Serializer[Any]):
    """A record that cannot be used."""

    name = serializers.CharField(help_text="Of the archive's member, without its ending.")
    reason = serializers.CharField()


class AdvisoryImportSerializer(serializers.ModelSerializer[AdvisoryImport]):
    """An import that was begun."""

    unusable = UnusableSerializer(many=True, read_only=True, help_text="The first 20 of those that were refused.")

    class Meta:
        model = AdvisoryImport
        fields = (
            *("id", "source", "state", "started_at", "finished_at", "records", "added", "changed", "withdrawn"),
            *("refused", "unusable", "sentence"),
        )
        read_only_fields = fields


class ExposingAdvisorySerializer(serializers.Serializer[KnownAdvisory]):
    """An advisory that speaks of the release."""

    id = serializers.CharField(source="osv_id")
    aliases = serializers.ListField(child=serializers.CharField())
    summary = serializers.CharField()
    score = serializers.FloatField(allow_null=True)
    fixed_in = serializers.ListField(child=serializers.CharField(), source="fixed_versions")


class ExposedSerializer(serializers.Serializer[ExposedRelease]):
    """A release with known vulnerabilities; `score` is the highest of its advisories."""

    name = serializers.CharField(source="project")
    index = serializers.CharField()
    version = serializers.CharField()
    is_yanked = serializers.BooleanField()
    severity = serializers.CharField()
    score = serializers.FloatField(allow_null=True)
    last_used = serializers.DateTimeField(
        allow_null=True, help_text="The last download of one of its files that this node recorded."
    )
    advisories = ExposingAdvisorySerializer(many=True)


class AdvisoryFilter(Filters):
    """Filters of the list of advisories."""

    project = filters.CharFilter(max_length=100, method="by_project", label="The name of a project, in any spelling.")
    id = filters.CharFilter(max_length=100, method="by_id", label="Its id, for example `PYSEC-2023-1`.")
    withdrawn = FlagFilter(field_name="withdrawn_at", lookup_expr="isnull", exclude=True, label="Whether withdrawn.")

    def by_project(self, rows: QuerySet[Advisory], _name: str, value: str) -> QuerySet[Advisory]:
        """Those that speak of it."""
        named = AdvisoryPackage.objects.filter(normalized_name=normalize_name(value))
        return rows.filter(pk__in=named.values("advisory"))

    def by_id(self, rows: QuerySet[Advisory], _name: str, value: str) -> QuerySet[Advisory]:
        """The one of this id."""
        return rows.filter(osv_id=value)


class ExposedFilter(Filters):
    """Filters of the report."""

    index = filters.CharFilter(max_length=64, field_name="project__index__name", label="The index that holds it.")
    project = filters.CharFilter(max_length=100, method="by_project", label="The name of a project, in any spelling.")
    severity = filters.ChoiceFilter(choices=_WORDS, method="passed", label="At least so severe.")

    def by_project(self, rows: QuerySet[Release], _name: str, value: str) -> QuerySet[Release]:
        """Its releases."""
        return rows.filter(project__normalized_name=normalize_name(value))

    def passed(self, rows: QuerySet[Release], _name: str, _value: str) -> QuerySet[Release]:
        """All: how severe it is comes out when the releases are looked at."""
        return rows


@extend_schema(tags=["Vulnerabilities"])
class AdvisoryViewSet(Resource):
    """Advisories, for everybody who is signed in: they are public knowledge."""

    model = Advisory
    ordering = "osv_id"
    serializer_class = AdvisorySerializer
    filterset_class = AdvisoryFilter

    def rows(self) -> QuerySet[Advisory]:
        """All, without what is large."""
        names = Prefetch("packages", AdvisoryPackage.objects.only("advisory_id", "normalized_name"))
        return Advisory.objects.defer("document", "details").prefetch_related(names)

    @extend_schema(summary="List advisories")
    def list(self, request: Request) -> Response:
        """By their ids; the whole record of one is at `/osv/v1/vulns/<id>`."""
        return self.listed()

    @extend_schema(summary="Read an advisory")
    def retrieve(self, request: Request, advisory: str) -> Response:
        """By its id."""
        found = self.rows().filter(osv_id=advisory).first()
        if found is None:
            raise NotFound("No advisory of this id was imported.", code="advisory-unknown")
        return self.shown(found)


@extend_schema(tags=["Vulnerabilities"])
class AdvisoryImportViewSet(Resource):
    """Imports of vulnerability data, for operators, security officers, auditors and administrators."""

    model = AdvisoryImport
    ordering = "-pk"
    serializer_class = AdvisoryImportSerializer

    def rows(self) -> QuerySet[AdvisoryImport]:
        """All, for whom they are for; everybody else is refused."""
        require_sight_of_operation(self.actor, "see imports of vulnerability data")
        return AdvisoryImport.objects.all()

    @extend_schema(summary="List imports of vulnerability data")
    def list(self, request: Request) -> Response:
        """The newest first, those too that failed."""
        return self.listed()


@extend_schema(tags=["Vulnerabilities"])
class ExposedViewSet(Resource):
    """Releases with known vulnerabilities, as far as one may see them."""

    model = Release
    serializer_class = ExposedSerializer
    filterset_class = ExposedFilter

    def rows(self) -> QuerySet[Release]:
        """The releases that come into question."""
        return exposure.candidates(self.actor)

    def get_serializer(self, *args: Any, **more: Any) -> Any:
        """Of a page of releases those that are exposed; it may be shorter than asked for, or empty before the last."""
        if args and more.get("many"):
            rows = exposure.judged(args[0], least=self._least())
            args = (exposure.with_usage(rows, usage.last_downloads()), *args[1:])
        return super().get_serializer(*args, **more)

    def _least(self) -> float | None:
        return _LEAST.get(self.request.query_params.get("severity", ""))

    @extend_schema(
        summary="List exposed releases",
        parameters=[OpenApiParameter("format", str, enum=["json", "csv"])],
        responses={
            (200, "application/json"): ExposedSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    def list(self, request: Request) -> HttpResponseBase:
        """By page, or all of it as a table with `?format=csv`. A page may have fewer rows than asked for: go on by `next`."""
        if request.query_params.get("format") != "csv":
            return self.listed()
        self.require_known_parameters()
        rows: QuerySet[Release] = self.filter_queryset(self.get_queryset())
        lines = exposure_export.as_csv(exposure.walked(rows, least=self._least()))
        response = StreamingHttpResponse(_pieces(lines), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="exposed.csv"'
        return response


def _pieces(lines: Iterator[str]) -> Iterator[bytes]:
    for line in lines:
        yield line.encode()
