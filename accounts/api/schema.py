"""The OpenAPI schema where the views alone do not say it: credentials and refusals."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

_JSON = "application/problem+json"
_PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457). Plain text instead where that is all that `Accept` takes.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "example": "about:blank"},
        "title": {"type": "string", "description": "The kind of refusal.", "example": "Not allowed"},
        "status": {"type": "integer", "description": "The HTTP status.", "example": 403},
        "code": {"type": "string", "description": "The rule; it never changes.", "example": "right-missing"},
        "detail": {"type": "string", "description": "One sentence for people; also the HTTP reason phrase."},
        "message": {"type": "string", "description": "The same as `detail`."},
        "errors": {"type": "object", "description": "What is wrong with which field.", "additionalProperties": True},
    },
}
_REFUSALS = {
    "400": ("BadRequest", "The body or the query breaks a rule; `detail` names it."),
    "401": ("SignInNeeded", "Credentials are needed, or those given are wrong."),
    "403": ("NotAllowed", "The credentials may not, or may not see whether it exists."),
    "404": ("NotFound", "There is nothing of that name."),
    "409": ("Conflict", "It contradicts the present state, for example a name that is taken."),
    "413": ("TooLarge", "The body is larger than this API takes."),
    "415": ("NotJSON", "The body is not sent as `application/json`."),
    "429": ("TooManyRequests", "Too many requests; `Retry-After` says when to come back."),
}
_ALWAYS = ("400", "401", "403", "429")
_WITH_NAMES = ("404",)
_WITH_CHANGES = ("409",)
_WITH_BODY = ("413", "415")


class Credentials(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library is not typed there
    """Basic and Bearer, either of which will do."""

    target_class = "accounts.api.authentication.ActorAuthentication"
    name = ["basic", "bearer"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """One or the other."""
        return [{"basic": []}, {"bearer": []}]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        """The two schemes."""
        return [
            {
                "type": "http",
                "scheme": "basic",
                "description": "A user name and password where policy allows, or any name and an API token.",
            },
            {"type": "http", "scheme": "bearer", "description": "An API token."},
        ]


def close_bodies(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """drf-spectacular's hook: say that a body with another field than these is refused."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request") and schema.get("type") == "object":
            schema["additionalProperties"] = False
    return result


def add_refusals(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """drf-spectacular's hook: give each operation the refusals that it can answer with."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["responses"] = {name: _response(sentence) for name, sentence in _REFUSALS.values()}
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status in _statuses(path, method, operation):
                reference = {"$ref": f"#/components/responses/{_REFUSALS[status][0]}"}
                operation["responses"].setdefault(status, reference)
    return result


def _statuses(path: str, method: str, operation: dict[str, Any]) -> tuple[str, ...]:
    statuses: tuple[str, ...] = _ALWAYS
    if "{" in path or "requestBody" in operation:  # a body names things too
        statuses += _WITH_NAMES
    if method != "get":
        statuses += _WITH_CHANGES
    if "requestBody" in operation:
        statuses += _WITH_BODY
    return statuses


def _response(sentence: str) -> dict[str, Any]:
    return {"description": sentence, "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
