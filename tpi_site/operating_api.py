"""``/doctor/``: the installation examined, for programs."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import permissions
from tpi_site.services.doctor.examining import Examination, examine


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
