"""``/rights/``: why somebody may, or may not, do a thing here."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.bodies import StrictSerializer, TextField
from accounts.api.resources import Resource
from accounts.api.token_bodies import VERBS
from accounts.domain.verbs import Verb
from accounts.models import User
from indexapp.services import explanations


class RightsQuestionSerializer(StrictSerializer):
    """The question, as the query of the address."""

    user = TextField(max_length=150, required=False)
    token = TextField(max_length=100, default="", allow_blank=True)
    index = TextField(max_length=64)
    project = TextField(max_length=100, default="", allow_blank=True)
    verb = serializers.ChoiceField(choices=VERBS)


class RightsReasonSerializer(serializers.Serializer[Any]):
    """One reason; `kind` is stable."""

    kind = serializers.CharField()
    sentence = serializers.CharField()
    grants = serializers.BooleanField(help_text="Whether it gives the right or takes it.")


class RightsSerializer(serializers.Serializer[Any]):
    """The answer."""

    user = serializers.CharField()
    index = serializers.CharField()
    project = serializers.CharField(help_text="Empty for the index as a whole.")
    verb = serializers.CharField()
    allowed = serializers.BooleanField()
    reasons = RightsReasonSerializer(many=True)


_PARAMETERS = [
    OpenApiParameter("user", str, description="A user name; your own unless given."),
    OpenApiParameter(
        "token", str, description="The key id or the name of one of that user's tokens, to see what it leaves."
    ),
    OpenApiParameter("index", str, required=True, description="The index's name."),
    OpenApiParameter("project", str, description="A project of it, in any spelling; the whole index unless given."),
    OpenApiParameter("verb", str, required=True, enum=[verb.value for verb in Verb]),
]


@extend_schema(tags=["Roles"])
class RightsViewSet(Resource):
    """Effective rights, explained."""

    model = User
    serializer_class = RightsSerializer
    pagination_class = None
    filterset_class = None

    def rows(self) -> QuerySet[User]:
        """There are none; the answer is made."""
        return User.objects.none()

    @extend_schema(summary="Explain a right", parameters=_PARAMETERS, responses=RightsSerializer)
    def retrieve(self, request: Request) -> Response:
        """For oneself, for who administers the index or project, and for a team's maintainers and admins about its people."""
        shape = RightsQuestionSerializer(data=request.query_params.dict())
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        username = given.get("user") or self.actor.username
        found = explanations.ask(
            self.actor,
            username=username,
            index=given["index"],
            project=given["project"],
            verb=Verb(given["verb"]),
            token=given["token"],
        )
        place = {name: given[name] for name in ("index", "project", "verb")}
        reasons = [
            {"kind": reason.kind, "sentence": reason.sentence, "grants": reason.grants} for reason in found.reasons
        ]
        return Response({"user": username, **place, "allowed": found.allowed, "reasons": reasons})
