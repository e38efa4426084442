"""``POST /legacy/``: the upload protocol that twine, uv, poetry, pdm, hatch and flit speak."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from accounts.domain.actors import Actor, Method
from accounts.domain.verbs import Verb
from indexapp import permissions
from indexapp.domain.digests import MultiDigest
from indexapp.models import Index
from indexapp.services import disk_room, uploads
from indexapp.services.replication import relaying
from indexapp.services.replication.relaying import Came
from indexapp.services.serving import gate, index_map, watermarks
from indexapp.services.serving.watermarks import Watermark
from indexapp.services.uploads import admission
from indexapp.storage import default_storage
from indexapp.views import relayed
from indexapp.views.form_reader import MAX_FIELDS_SIZE, read_form
from tpi_site.kit import edge, request_context
from tpi_site.kit.bodies import Body, turn
from tpi_site.kit.errors import Forbidden, Gone, Invalid, Refusal, TooLarge, Unsupported

_HELP = (
    "This address takes uploads: POST a multipart/form-data form, for example with twine or 'uv publish'. Installers read "
    "the address that ends in /simple/.\n"
)


@csrf_exempt
def upload(request: HttpRequest, index: str | None = None) -> HttpResponse:
    """Publish one file; whatever is refused is answered in the reason phrase and the body, and leaves nothing."""
    if request.method in ("GET", "HEAD"):
        return HttpResponse(_HELP, content_type="text/plain; charset=utf-8")
    if request.method != "POST":
        return _refused(request, Unsupported("Uploads are POST requests."), None)
    body = Body(request.META, request)
    try:
        way = relayed.came(request)
        accepted = _accept(request, index, body, way)
    except Exception as error:
        refusal = edge.as_refusal(error)
        if refusal is None:
            raise
        return _refused(request, refusal, body)
    text = "".join(f"{warning}\n" for warning in accepted.warnings).encode()
    headers = {"Content-Length": str(len(text)), **relayed.told(way)}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


def _accept(request: HttpRequest, index_name: str | None, body: Body, way: Came) -> uploads.Accepted:
    is_relayed_on = relaying.is_possible()
    watermark = watermarks.read()
    actor = _actor(request, watermark)
    index = _index(actor, index_name, watermark)
    _require_welcome(actor, index, body)
    digest = MultiDigest()
    with default_storage().spool() as spool:
        with turn():
            form = read_form(
                body.read,
                content_type=request.META.get("CONTENT_TYPE", ""),
                content_length=body.length,
                spool=spool,
                digest=digest,
                max_file_size=admission.file_size_limit(index),
            )
        if form.filename is None:
            form.filename = _missing_file(form.fields)
        now = watermarks.read()
        if now.access != watermark.access:
            actor = _actor(request, now)  # a token may have been revoked while the body came
        incoming = uploads.Incoming(index, form.fields, form.filename, form.content_type, spool, digest)
        if is_relayed_on:
            return relaying.relay(actor=actor, incoming=incoming, came=way)
        incoming = replace(incoming, relay_key=relaying.own_key(way, incoming))
        return uploads.accept(actor=actor, incoming=incoming)


def _missing_file(fields: dict[str, list[str]]) -> str:
    action = fields.get(":action", [""])[0]
    if action in ("submit", "submit_pkg_info", "doc_upload"):
        raise Gone(f"The action '{action}' is no longer served; upload the files themselves.", code="action-gone")
    raise Invalid("Upload payload does not have a file.", code="file-missing")


def _actor(request: HttpRequest, watermark: Watermark) -> Actor:
    """Who uploads: by credentials in the header alone, so that no web page can make a signed-in browser do it."""
    context = request_context.current.get()
    actor = gate.actor_for(request.META.get("HTTP_AUTHORIZATION", ""), watermark)
    return actor.at(address=context.address, request_id=context.request_id)


def _index(actor: Actor, name: str | None, watermark: Watermark) -> Index:
    """The index to publish to; an unknown one is refused like one that is not the actor's."""
    indexes = index_map.read(watermark)
    found = indexes.default if name is None else indexes.by_name.get(name)
    if found is not None:
        return indexes.rows[found.pk]
    permissions.require(actor, Verb.UPLOAD, Index(name=name or "default"))
    raise Invalid(f"There is no index named '{name or 'default'}'; create it first.", code="index-unknown")


def _require_welcome(actor: Actor, index: Index, body: Body) -> None:
    """Everything that can be said before the body is read."""
    admission.require_may_try(actor, index)
    if actor.method is Method.PASSWORD and not index.allow_passwords:
        raise Forbidden(f"The index '{index.name}' takes API tokens only; make one and use it.", code="token-needed")
    if body.length > admission.file_size_limit(index) + MAX_FIELDS_SIZE:
        raise TooLarge(
            f"File too large. The limit of the index '{index.name}' is {admission.file_size_limit(index)} bytes.",
            code="file-too-large",
        )
    disk_room.require(body.length)


class _Lingering(HttpResponse):
    """An answer after which the rest of the body is read, so that the client gets to see it."""

    def __init__(self, answer: edge.Answer, body: Body) -> None:
        super().__init__(answer.body, content_type=answer.content_type, status=answer.status, reason=answer.reason)
        self._rest = body

    def close(self) -> None:
        """Drain after sending."""
        try:
            self._rest.drain()
        finally:
            super().close()


def _refused(request: HttpRequest, refusal: Refusal, body: Body | None) -> HttpResponse:
    edge.tell(refusal, request.path_info, request.META.get("HTTP_AUTHORIZATION", ""), request)
    answer = edge.answer_for(refusal, request.headers.get("Accept", ""))
    response = edge.http_response(answer) if body is None else _Lingering(answer, body)
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response
