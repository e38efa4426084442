"""Request bodies of the REST API: JSON of bounded size, strictly read, without a key that nobody asked for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import NotAcceptable, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from tpi_site.kit.errors import Invalid, TooLarge

MAX_BODY = 256 * 1024
"""Bytes; the longest useful body, a token bound to 500 names of each kind, has about 100 kB."""


class StrictJSONParser(BaseParser):
    """RFC 8259 JSON in UTF-8, whatever charset the header claims; no NaN, no key twice, no half of a surrogate pair."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value that the body spells; an empty body is an empty object."""
        raw = _read(stream, MAX_BODY + 1)
        if len(raw) > MAX_BODY:
            raise TooLarge(f"A body of this API has at most {MAX_BODY} bytes.", code="body-too-large")
        if not raw.strip():
            return {}
        return parse_json(raw)


def _read(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size)
    except OSError:
        raise Invalid("The body stopped before its end; send it again.", code="body-cut-off") from None


def parse_json(raw: bytes) -> Any:
    """The JSON value in ``raw``; refuses everything else (``json-broken``)."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_object)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError:
        raise Invalid("The body is not UTF-8 text.", code="json-broken") from None
    except RecursionError:
        raise Invalid("The body is nested too deeply.", code="json-broken") from None
    except ValueError as error:
        raise Invalid(f"The body is not JSON: {_where(error)}.", code="json-broken") from None
    return value


def _where(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (line {error.lineno}, column {error.colno})"
    return "a number has too many digits"


def _no_constant(word: str) -> NoReturn:
    raise Invalid(f"The body is not JSON: {word} is not a JSON value.", code="json-broken")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Invalid(f"The body names {twice!a} twice; name each field once.", code="json-broken")
    return found


class JSONNegotiation(DefaultContentNegotiation):
    """Answers are JSON whatever else a client would rather have; bodies are JSON or refused with a hint."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer that ``Accept`` prefers, the first one when it prefers none of them."""
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        except (Http404, NotAcceptable):  # the first for an unknown ``?format=``
            return renderers[0], renderers[0].media_type
        return chosen

    def select_parser(self, request: Request, parsers: Any) -> BaseParser:
        """The parser of the body's media type."""
        parser: BaseParser | None = super().select_parser(request, parsers)
        if parser is None:
            kinds = " or ".join(one.media_type for one in parsers)
            detail = f"Send the body as JSON and say so in the header 'Content-Type: {StrictJSONParser.media_type}'."
            if len(parsers) > 1:
                detail = f"Send the body as one of these, and say which in the header 'Content-Type': {kinds}."
            raise UnsupportedMediaType(request.content_type, detail)
        return parser


class StrictSerializer(serializers.Serializer[Any]):
    """The shape of a body; an unknown key is refused, since a typing error must not pass in silence."""

    def get_fields(self) -> dict[str, Any]:
        """The fields; those that take one of some words name them to who uses another."""
        fields = super().get_fields()
        for field in fields.values():
            chosen = getattr(field, "child", field)
            if isinstance(chosen, serializers.ChoiceField):
                known = ", ".join(map(str, chosen.choices))
                chosen.error_messages["invalid_choice"] = f'"{{input}}" is none of the choices: {known}.'
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """The validated values."""
        if isinstance(data, Mapping) and (unknown := [key for key in data if key not in self.fields]):
            fields = ", ".join(self.fields) or "none"
            message = f"This field is unknown or cannot be set here; known ones are: {fields}."
            raise serializers.ValidationError({key: [message] for key in unknown[:5]})
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text; unlike DRF's own field it takes no number for one."""

    def to_internal_value(self, data: Any) -> str:
        """The text, trimmed unless told otherwise."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class FlagField(serializers.BooleanField):
    """True or false, and no other word or number for it."""

    def to_internal_value(self, data: Any) -> bool:
        """The value itself."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class NumberField(serializers.IntegerField):
    """A whole number, written as one."""

    def to_internal_value(self, data: Any) -> int:
        """The value itself."""
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class ReasonSerializer(StrictSerializer):
    """Why something is done; people read it beside the mark."""

    reason = TextField(max_length=1000, allow_blank=True, default="", help_text="One or two sentences.")


class NoBodySerializer(StrictSerializer):
    """An action that takes nothing."""


class WordsField(serializers.ListField):
    """A list of at most 500 short texts; a longer one is refused before its items are looked at."""

    _most = 500

    def to_internal_value(self, data: Any) -> list[Any]:
        """The validated texts."""
        if isinstance(data, list) and len(data) > self._most:
            raise serializers.ValidationError(f"Name at most {self._most}.")
        found: list[Any] = super().to_internal_value(data)
        return found
