"""Pages of a list, as the contract has them: ``{results: [...], next: URL or null}``.

A page begins after the last row of the one before, found by a unique, indexed column: the last page costs what the first
does, nothing is counted, and rows that come or go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import Field, Model
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from tpi_site.kit.errors import Invalid
from tpi_site.kit.public_urls import public_url

if TYPE_CHECKING:  # DRF imports its views while it loads the classes that settings name, this one among them
    from rest_framework.views import APIView

_LONGEST_CURSOR = 2000
_without_nul = ProhibitNullCharactersValidator()


class KeysetPagination(BasePagination):
    """Pages by the column that the view names in ``ordering`` (``-`` for descending; the primary key by default)."""

    page_size = 100
    max_page_size = 1000
    cursor_param = "cursor"
    size_param = "page_size"
    cursor_description: ClassVar[str] = "Where to go on; take it from the `next` of the page before."

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """The rows of the page that the request asks for; one query."""
        self.request = request
        ordering = str(getattr(view, "ordering", "pk"))
        self.column = ordering.lstrip("-")
        size = self._size(request)
        if (position := self._position(request, queryset.model)) is not None:
            beyond = "lt" if ordering.startswith("-") else "gt"
            queryset = queryset.filter(**{f"{self.column}__{beyond}": position})
        rows = list(queryset.order_by(ordering)[: size + 1])
        self.page, self.has_next = rows[:size], len(rows) > size
        return self.page

    def _size(self, request: Request) -> int:
        text = request.query_params.get(self.size_param, str(self.page_size))
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text)):  # noqa: PLR2004  far above any page
            raise Invalid(f"{self.size_param}: Give a number above zero.", code="page-size-invalid")
        return min(int(text), self.max_page_size)

    def _position(self, request: Request, model: type[Model]) -> Any:
        """The value of the column that the cursor stands for, None without a cursor; refuses a foreign cursor."""
        cursor = request.query_params.get(self.cursor_param)
        if cursor is None:
            return None
        meta = model._meta
        column: Field[Any, Any] = meta.pk if self.column == "pk" else meta.get_field(self.column)  # type: ignore[assignment]
        try:
            text = self.decode(cursor[:_LONGEST_CURSOR])
            _without_nul(text)
            position = column.to_python(text)
            column.run_validators(position)
        except (ValueError, OverflowError, ValidationError):
            raise Invalid(self.refusal(), code="cursor-invalid") from None
        return position

    def refusal(self) -> str:
        """What a cursor that is not ours is answered."""
        return f"{self.cursor_param}: This is not a cursor of this list; begin again without it."

    def encode(self, position: str) -> str:
        """``position`` as a cursor."""
        return base64.urlsafe_b64encode(position.encode()).decode("ascii").rstrip("=")

    def decode(self, cursor: str) -> str:
        """The position of a cursor; raises ValueError."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise ValueError(cursor) from error
        return raw.decode("utf-8")

    def next_url(self) -> str | None:
        """The address of the page after this one, None after the last."""
        if not self.has_next:
            return None
        query = self.request.query_params.copy()
        query[self.cursor_param] = self.encode(str(getattr(self.page[-1], self.column)))
        return public_url(self.request._request, f"{self.request.path}?{query.urlencode()}")

    def get_paginated_response(self, data: Any) -> Response:
        """The rows and where to go on."""
        return Response({"results": data, "next": self.next_url()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The answer as OpenAPI."""
        link = {"type": "string", "format": "uri", "nullable": True, "description": "The next page; null on the last."}
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {"results": schema, "next": link},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The query parameters as OpenAPI."""
        size = {"type": "integer", "minimum": 1, "default": self.page_size}
        return [
            _parameter(self.cursor_param, self.cursor_description, {"type": "string"}),
            _parameter(
                self.size_param,
                f"How many rows a page has; above {self.max_page_size} counts as {self.max_page_size}.",
                size,
            ),
        ]


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
