"""Cursor pagination as the contract has it: ``{results: [...], next: URL or null}``."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination
from rest_framework.response import Response


class NameCursorPagination(CursorPagination):
    """Pages by a unique, indexed column, so that the last page costs what the first does and nothing is counted."""

    page_size = 100
    max_page_size = 1000
    page_size_query_param = "page_size"
    ordering = "pk"

    def get_paginated_response(self, data: Any) -> Response:
        """The rows and where to go on."""
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The same as OpenAPI."""
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {"results": schema, "next": link},
        }
