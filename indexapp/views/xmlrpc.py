"""``POST /pypi`` and ``/RPC2``: the XML-RPC that old mirrors ask for the list of projects and for what changed since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.api.throttles import require_rate
from accounts.domain.actors import Actor
from indexapp.domain import xmlrpc
from indexapp.domain.xmlrpc import Call, Fault
from indexapp.services.feeds import journal, names
from indexapp.services.serving import gate, root_lists
from indexapp.services.serving.index_map import ServedIndex
from indexapp.services.serving.watermarks import Watermark
from indexapp.views.machine.messages import Question
from indexapp.views.machine.simple import reader, sees_list_whole
from tpi_site.kit import edge
from tpi_site.kit.content_security import MACHINE_POLICY
from tpi_site.kit.errors import Invalid, TooLarge, Unsupported

_TYPE = "text/xml; charset=utf-8"
_HEADERS = {"Content-Security-Policy": MACHINE_POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class _Scope(NamedTuple):
    """What is asked of, and by whom; ``actor`` is None for who sees all of the index."""

    served: ServedIndex
    actor: Actor | None
    watermark: Watermark


@csrf_exempt  # programs ask, by credentials in the header alone
def call(request: HttpRequest, index: str | None = None) -> HttpResponseBase:
    """Answer one call; what is wrong with the call itself is a fault, who may not ask is told so by HTTP."""
    if request.method != "POST":
        return _refused_method(request)
    scope = _scope(request, index)
    _require_small(request)
    try:
        value = _value(xmlrpc.read_call(request.body), scope)
    except Fault as error:
        return HttpResponse(xmlrpc.fault(error), content_type=_TYPE, headers=_HEADERS)
    pieces = xmlrpc.response(value)
    # What fails does so at the first batch, as long as there still is a status to say it with.
    return StreamingHttpResponse(chain([*islice(pieces, 3)], pieces), content_type=_TYPE, headers=_HEADERS)


def _scope(request: HttpRequest, index_name: str | None) -> _Scope:
    question = Question(request.path_info, authorization=request.META.get("HTTP_AUTHORIZATION", ""))
    actor, index, watermark = reader(question, index_name)
    require_rate(actor)
    if sees_list_whole(actor, index, watermark):
        return _Scope(index, None, watermark)
    if not names.sees_something(index, actor):
        gate.refuse(actor, index.name)
    return _Scope(index, actor, watermark)


def _require_small(request: HttpRequest) -> None:
    if request.content_type not in xmlrpc.CONTENT_TYPES:
        raise Invalid("This address takes XML-RPC calls, of the type text/xml.", code="xml-rpc-type")
    if int(request.META.get("CONTENT_LENGTH") or 0) > xmlrpc.MOST_BYTES:
        raise TooLarge(f"A call has at most {xmlrpc.MOST_BYTES} bytes.", code="xml-rpc-too-large")


def _value(asked: Call, scope: _Scope) -> Iterator[str]:
    method = _METHODS.get(asked.method)
    if method is not None:
        return method(scope, asked.parameters)
    if instead := _RETIRED.get(asked.method):
        raise Fault(xmlrpc.NOT_SERVED, f"The method {asked.method} is no longer served; {instead}.")
    raise Fault(xmlrpc.NO_METHOD, f"There is no such method; there are {', '.join(_METHODS)}.")


def _changelog_last_serial(scope: _Scope, parameters: tuple[Any, ...]) -> Iterator[str]:
    _require(parameters)
    return xmlrpc.integer(root_lists.serial_of(scope.served))


def _changelog_since_serial(scope: _Scope, parameters: tuple[Any, ...]) -> Iterator[str]:
    _require(parameters, int)
    return xmlrpc.table(journal.since(scope.served, scope.actor, scope.watermark, parameters[0]))


def _list_packages_with_serial(scope: _Scope, parameters: tuple[Any, ...]) -> Iterator[str]:
    _require(parameters)
    return xmlrpc.numbers_by_name(names.listed(scope.served, scope.actor, scope.watermark))


def _require(parameters: tuple[Any, ...], *types: type) -> None:
    """Refuse other parameters; a boolean is no number."""
    if [type(parameter) for parameter in parameters] != [*types]:
        wanted = " and ".join(one.__name__ for one in types) or "no parameters"
        raise Fault(xmlrpc.WRONG_PARAMETERS, f"The method takes {wanted}.")


_METHODS: dict[str, Callable[[_Scope, tuple[Any, ...]], Iterator[str]]] = {
    "changelog_last_serial": _changelog_last_serial,
    "changelog_since_serial": _changelog_since_serial,
    "list_packages_with_serial": _list_packages_with_serial,
}
_BY_SERIAL = "ask changelog_since_serial"
_BY_JSON = "read /pypi/<project>/json"
_BY_REST = "ask the REST API at /api/v1/"
_RETIRED = {
    "search": "search on the site or by REST",
    "list_packages": "ask list_packages_with_serial, or read /simple/",
    "changelog": _BY_SERIAL,
    "changed_packages": _BY_SERIAL,
    "updated_releases": _BY_SERIAL,
    "package_data": _BY_JSON,
    "package_hosting_mode": _BY_JSON,
    "package_releases": _BY_JSON,
    "package_urls": _BY_JSON,
    "release_data": _BY_JSON,
    "release_downloads": _BY_JSON,
    "release_urls": _BY_JSON,
    "top_packages": _BY_REST,
    "browse": _BY_REST,
    "package_roles": _BY_REST,
    "user_packages": _BY_REST,
    "system.multicall": "make the calls one by one",
}


def _refused_method(request: HttpRequest) -> HttpResponse:
    refusal = Unsupported("XML-RPC calls are POST requests of the type text/xml.", code="method-not-allowed")
    response = edge.http_response(edge.answer_for(refusal, request.headers.get("Accept", "")))
    response.headers["Allow"] = "POST"
    return response
