"""``/doctor/`` and ``/support-bundle/``: the installation examined, for programs and for who helps from outside."""

from __future__ import annotations

import tempfile

from django.conf import settings
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import permissions
from accounts.api.bodies import FlagField, StrictSerializer
from tpi_site.services.doctor.examining import Examination, examine
from tpi_site.services.support import bundles


class CheckSerializer(serializers.Serializer[Examination]):
    """One part."""

    name = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField(help_text="`good`, `warning`, `failing` or `unused`.")
    sentence = serializers.CharField()
    advice = serializers.CharField(help_text="What to do; empty where nothing is to be done.")
    seconds = serializers.FloatField()


class DoctorSerializer(serializers.Serializer[Examination]):
    """The installation, part by part."""

    healthy = serializers.BooleanField(help_text="Whether nothing fails; warnings are no failure.")
    checks = CheckSerializer(many=True)


class Doctor(APIView):
    """The installation examined from the node that answers, for operators and administrators."""

    permission_classes = (permissions.SignedIn,)

    @extend_schema(
        tags=["Operation"], summary="Examine the installation", request=None, responses={200: DoctorSerializer}
    )
    def post(self, request: Request) -> Response:
        """Every part with a sentence; parts are tried out and what was tried is taken back. Takes up to half a minute."""
        return Response(examine(actor=permissions.actor(request)).as_json())


class BundleSerializer(StrictSerializer):
    """What the bundle may tell."""

    with_names = FlagField(
        default=False,
        help_text="Leave the names of projects, indexes, teams and accounts as they are; for administrators.",
    )


class SupportBundle(APIView):
    """A support bundle of the node that answers, for operators and administrators."""

    permission_classes = (permissions.SignedIn,)

    @extend_schema(
        tags=["Operation"],
        summary="Make a support bundle",
        request=BundleSerializer,
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def post(self, request: Request) -> FileResponse:
        """A ZIP file without anything secret, as the console's; that it was made is recorded. Takes up to half a minute."""
        wanted = BundleSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = tempfile.TemporaryFile(dir=settings.TPI_DATA_DIR)  # noqa: SIM115  the response closes it
        try:
            bundles.make(
                actor=permissions.actor(request), target=made, with_names=bool(wanted.validated_data["with_names"])
            )
        except BaseException:
            made.close()
            raise
        made.seek(0)
        answer = FileResponse(
            made, as_attachment=True, filename="tpi-support-bundle.zip", content_type="application/zip"
        )
        answer.headers["Cache-Control"] = "private, no-store"
        return answer
