"""The same reads as ordinary Django views, for whatever runs Django without our WSGI wrapper."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from indexapp.views.machine import routes
from indexapp.views.machine.messages import LocalFile, Question, Reply
from indexapp.views.methods import refused_method


@csrf_exempt  # other methods are told 405, not that they lack a token for forms
def machine_read(request: HttpRequest, **_captured: str) -> HttpResponseBase:
    """Answer a page or a file."""
    if request.method not in ("GET", "HEAD"):
        return refused_method(request)
    headers = request.headers
    reply = routes.answer(
        Question(
            request.path_info,
            request.META.get("QUERY_STRING", ""),
            request.method == "HEAD",
            headers.get("Authorization", ""),
            headers.get("Accept"),
            headers.get("Accept-Encoding", ""),
            headers.get("If-None-Match"),
            headers.get("Range", ""),
            headers.get("If-Range"),
            f"{request.scheme}://{headers.get('Host', '')}",
            headers.get("X-TPI-Site", ""),
        )
    )
    if reply is None:
        raise Http404
    if not isinstance(reply, Reply):
        reply = reply.wait()
    body = reply.body.pieces() if isinstance(reply.body, LocalFile) else reply.body
    response: HttpResponseBase
    if isinstance(body, bytes):
        response = HttpResponse(body, status=reply.status)
    else:
        response = StreamingHttpResponse(body, status=reply.status)
    if "Content-Type" not in dict(reply.headers):
        del response.headers["Content-Type"]
    for name, value in reply.headers:
        response.headers[name] = value
    return response
