"""``…/upstream/``: where a mirror fetches from; and asking there at once."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import FlagField, NoBodySerializer, NumberField, StrictSerializer, TextField
from accounts.api.resources import Resource
from accounts.domain.verbs import Verb
from indexapp.api.v1 import access
from indexapp.domain.upstream_settings import FOLLOWING, MOST_HOURS, MOST_PEM, MOST_SECONDS, is_plain
from indexapp.models import Index, MirroredProject, Upstream
from indexapp.services.mirrors import addresses, conflicts, refreshing, settings
from tpi_site.kit.errors import NotFound

_MOST_BYTES = 2**63 - 1
_PLAIN = "What is fetched over plain http can be changed by whoever stands in between; use https."


class UpstreamSerializer(serializers.ModelSerializer[Upstream]):
    """An upstream, without its secrets; `url` is empty for PyPI."""

    index = serializers.CharField(source="index.name", read_only=True)
    shown_as = serializers.SerializerMethodField(help_text="The address, or `PyPI`.")
    has_password = serializers.SerializerMethodField(help_text="The password is never shown.")
    has_client_key = serializers.SerializerMethodField(help_text="The key is never shown.")
    has_proxy_password = serializers.SerializerMethodField(help_text="The password is never shown.")
    warning = serializers.SerializerMethodField(help_text="What is unwise about the settings; empty if nothing is.")

    class Meta:
        model = Upstream
        fields = (
            "index",
            "url",
            "shown_as",
            "username",
            "has_password",
            "ca_certificates",
            "client_certificate",
            "has_client_key",
            "proxy_url",
            "has_proxy_password",
            *settings.TERMS,
            "failing_since",
            "failure",
            "warning",
        )
        read_only_fields = fields

    def get_shown_as(self, row: Upstream) -> str:
        """What people call it."""
        return addresses.in_words(row)

    def get_has_password(self, row: Upstream) -> bool:
        """Whether one is kept."""
        return bool(row.password)

    def get_has_client_key(self, row: Upstream) -> bool:
        """Whether one is kept."""
        return bool(row.client_key)

    def get_has_proxy_password(self, row: Upstream) -> bool:
        """Whether one is kept."""
        return bool(row.proxy_password)

    def get_warning(self, row: Upstream) -> str:
        """A sentence."""
        return _PLAIN if is_plain(row.url) else ""


def _pem(words: str) -> TextField:
    return TextField(max_length=MOST_PEM, allow_blank=True, required=False, help_text=words)


def _secret(words: str, longest: int = 1000) -> TextField:
    return TextField(
        max_length=longest,
        allow_blank=True,
        required=False,
        write_only=True,
        trim_whitespace=False,
        help_text=f"{words} Kept sealed and never shown; empty takes it away.",
    )


def _follow(name: str) -> serializers.ChoiceField:
    words = "; ".join(f"`{value}`: {sentence}" for value, sentence in FOLLOWING[name].items())
    return serializers.ChoiceField(choices=Upstream.Follow.choices, required=False, help_text=f"{words}.")


class UpstreamSettingsSerializer(StrictSerializer):
    """The settings of an upstream; what is left out is as usual, or stays."""

    url = TextField(
        max_length=500, allow_blank=True, required=False, help_text="Root of a simple repository; empty: PyPI."
    )
    username = TextField(max_length=200, allow_blank=True, required=False)
    password = _secret("Sent to the upstream's own server only.")
    ca_certificates = _pem("PEM of the authorities to trust; empty: the system's.")
    client_certificate = _pem("PEM of the certificate to show.")
    client_key = _secret("PEM of its key, not encrypted.", MOST_PEM)
    proxy_url = TextField(
        max_length=500, allow_blank=True, required=False, help_text="`http(s)://[user@]host:port`; empty: none."
    )
    proxy_password = _secret("For the proxy's user.")
    page_seconds = NumberField(
        min_value=1,
        max_value=MOST_SECONDS,
        required=False,
        help_text="For how long a page is served without a question.",
    )
    missing_seconds = NumberField(
        min_value=1, max_value=MOST_SECONDS, required=False, help_text="The same for that there is no such project."
    )
    on_removal = _follow("on_removal")
    on_yank = _follow("on_yank")
    on_quarantine = _follow("on_quarantine")
    is_offline = FlagField(required=False, help_text="The upstream is never contacted.")
    is_frozen = FlagField(required=False, help_text="Nothing new is taken; files that are listed are still fetched.")
    room = NumberField(
        min_value=1,
        max_value=_MOST_BYTES,
        allow_null=True,
        required=False,
        help_text="Bytes that fetched files may take; null: no limit.",
    )
    keep_hours = NumberField(
        min_value=0, max_value=MOST_HOURS, required=False, help_text="What was used within these hours stays."
    )


class UpstreamChangeSerializer(UpstreamSettingsSerializer):
    """What may be changed of an upstream."""

    force = FlagField(
        default=False, help_text="Confirms another `url` for a mirror that holds projects: it is the same repository."
    )


class TrialSerializer(serializers.Serializer[object]):
    """What came of asking an upstream."""

    is_usable = serializers.BooleanField()
    sentence = serializers.CharField(help_text="All of it in words.")
    code = serializers.CharField(help_text="The kind of failure; empty where it is usable.")
    seconds = serializers.FloatField(help_text="Until it answered.")
    tls = serializers.CharField(help_text="Version of TLS; empty without.")
    form = serializers.CharField(allow_null=True, help_text="`json` or `html`; null where there is no list.")
    last_serial = serializers.IntegerField(allow_null=True)


class MirroredProjectSerializer(serializers.ModelSerializer[MirroredProject]):
    """What a mirror knows of a name upstream."""

    index = serializers.CharField(source="index.name", read_only=True)
    name = serializers.CharField(source="normalized_name", read_only=True)
    exists = serializers.SerializerMethodField(help_text="Whether there is a project of that name.")

    class Meta:
        model = MirroredProject
        fields = ("index", "name", "exists", "is_gone", "is_held", "checked_at", "failed_at", "failure")
        read_only_fields = fields

    def get_exists(self, row: MirroredProject) -> bool:
        """Whether the mirror has it."""
        return row.project_id is not None


_PYPI = OpenApiExample("Another policy", value={"on_removal": "hide", "page_seconds": 300}, request_only=True)
_OFFLINE = OpenApiExample("Off the network", value={"is_offline": True}, request_only=True)


@extend_schema(tags=["Mirrors"])
class UpstreamViewSet(Resource):
    """Where a mirror fetches from, and how it treats what it finds."""

    model = Upstream
    serializer_class = UpstreamSerializer
    pagination_class = None
    filterset_class = None

    def rows(self) -> QuerySet[Upstream]:
        """There is one, found by its index."""
        return Upstream.objects.none()

    @extend_schema(summary="Read a mirror's upstream")
    def retrieve(self, request: Request, index: str) -> Response:
        """For who administers the index, and who watches the installation."""
        found = self._index(index)
        settings.require_mirror(found)
        return self.shown(found.upstream)

    @extend_schema(
        summary="Change a mirror's upstream",
        request=UpstreamChangeSerializer,
        responses=UpstreamSerializer,
        examples=[_PYPI, _OFFLINE],
    )
    def partial_update(self, request: Request, index: str) -> Response:
        """Addresses, certificates and credentials are for administrators of the instance."""
        row = self._index(index)
        values = self.changes(UpstreamChangeSerializer)
        return self.shown(settings.change(actor=self.actor, index=row, **values))

    @extend_schema(summary="Try an upstream out", request=NoBodySerializer, responses=TrialSerializer)
    def test(self, request: Request, index: str) -> Response:
        """Its list of projects is asked for now; nothing is kept."""
        row = self._index(index)
        self.body(NoBodySerializer)
        return Response(TrialSerializer(settings.try_out(actor=self.actor, index=row)).data)

    def _index(self, name: str) -> Index:
        if not (self.actor.sees_operation or self.actor.may_operate):
            return access.index_to_change(self.actor, name)
        return _index_named(name)


@extend_schema(tags=["Mirrors"])
class MirroredViewSet(Resource):
    """What mirrors know of single projects and files."""

    model = MirroredProject
    serializer_class = MirroredProjectSerializer
    pagination_class = None
    filterset_class = None

    def rows(self) -> QuerySet[MirroredProject]:
        """They are found by their names."""
        return MirroredProject.objects.none()

    @extend_schema(
        summary="Ask the upstream for a project now", request=NoBodySerializer, responses=MirroredProjectSerializer
    )
    def refresh(self, request: Request, index: str, project: str) -> Response:
        """Also where the page is still fresh; a name of ours is refused."""
        is_officer = self.actor.may_operate or self.actor.may_secure
        home = _index_named(index) if is_officer else access.index_to_change(self.actor, index)
        self.body(NoBodySerializer)
        return self.shown(refreshing.refresh(actor=self.actor, index=home, name=project))

    @extend_schema(summary="Keep our bytes of a file", request=NoBodySerializer, responses={204: None})
    def keep_ours(self, request: Request, index: str, project: str, filename: str) -> Response:
        """The upstream has other bytes under its name; ours stay, and it is told no more."""
        verb = Verb.READ if self.actor.may_secure else Verb.ADMINISTER
        file = access.file_to_change(self.actor, index, project, filename, None, verb)
        self.body(NoBodySerializer)
        conflicts.keep_ours(actor=self.actor, file=file)
        return Response(status=204)

    @extend_schema(summary="Take the upstream's bytes of a file", request=NoBodySerializer, responses={204: None})
    def take_theirs(self, request: Request, index: str, project: str, filename: str) -> Response:
        """Ours are dropped, and with the next question the upstream's take their place; for security officers."""
        file = access.file_to_change(self.actor, index, project, filename, None, Verb.READ)
        self.body(NoBodySerializer)
        conflicts.take_theirs(actor=self.actor, file=file)
        return Response(status=204)


def _index_named(name: str) -> Index:
    found = Index.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no index named '{name}'.", code="index-unknown")
    return found
