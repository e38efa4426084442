"""``/pypi/<project>/json`` and ``/pypi/<project>/<version>/json``, which Renovate, Poetry and bandersnatch read."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from indexapp.domain.cache_control import page_cache_control, page_vary
from indexapp.domain.content_encoding import choose_encoding, encode
from indexapp.domain.etags import if_none_match, make_etag
from indexapp.domain.file_paths import file_path
from indexapp.domain.names import normalize_name
from indexapp.services.mirrors import provenance as attested
from indexapp.services.policies import holds
from indexapp.services.serving import files, gate, project_documents, watermarks
from indexapp.services.serving.project_documents import Addresses
from indexapp.services.serving.project_pages import ServedProject
from indexapp.views.machine.messages import Later, Question, Reply
from indexapp.views.machine.mirror_files import AwaitedSmall
from indexapp.views.machine.simple import prefix, reader, visible_project
from tpi_site.kit.errors import Invalid, NotFound

_INTEGRITY = "application/vnd.pypi.integrity.v1+json"


def document(question: Question, index_name: str | None, name: str, version: str | None) -> Reply:
    """The JSON document of a project, or of one version of it."""
    actor, index, watermark = reader(question, index_name)
    normalized = normalize_name(name)
    page = visible_project(actor, index, name, watermark)
    if name != normalized:
        rest = f"/{quote(version)}" if version else ""
        base = f"/{index_name}/pypi" if index_name else "/pypi"
        return redirect(f"{prefix()}{base}/{normalized}{rest}/json")
    if page.status == "quarantined":
        raise NotFound(f"The project '{normalized}' is quarantined; ask the index's admins why.", code="quarantined")
    addresses = Addresses(public_base(question), index.name)
    if version is None:
        body = project_documents.project(page, addresses)
    else:
        body = project_documents.release(page, version, addresses)
    if body is None:
        raise NotFound("The project has no such release.")
    return _answer(question, body, page)


def public_base(question: Question) -> str:
    """The site's public address without a final slash: the configured one, or where the request came to."""
    if settings.TPI_URL:
        return str(settings.TPI_URL)
    host = question.origin.partition("://")[2]
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise Invalid("The Host header of the request names no host of this site.", code="host-unknown")
    return f"{question.origin}{prefix()}"


def _answer(question: Question, body: bytes, page: ServedProject) -> Reply:
    private = not page.is_public
    coding = choose_encoding(question.accept_encoding)
    encoded = encode(body, coding)
    etag = make_etag(body, coding)
    headers = [
        ("Content-Type", "application/json"),
        ("Cache-Control", page_cache_control(credentials_needed=private)),
        ("Vary", page_vary(credentials_needed=private)),
        ("X-Content-Type-Options", "nosniff"),
        ("ETag", etag),
        ("X-PyPI-Last-Serial", str(page.serial)),
    ]
    if if_none_match(question.if_none_match, etag):
        return Reply(304, headers[1:])
    if coding != "identity":
        headers.append(("Content-Encoding", coding))
    headers.append(("Content-Length", str(len(encoded))))
    return Reply(200, headers, b"" if question.is_head else encoded)


def redirect(location: str) -> Reply:
    """301 to the normalised address."""
    return Reply(301, [("Location", location), ("Content-Length", "0"), ("Cache-Control", "no-cache")])


def provenance(question: Question, index_name: str | None, name: str, version: str, filename: str) -> Reply | Later:
    """PEP 740 provenance, as a mirror's upstream serves it; that nothing is attested the standard says as 404."""
    actor, index, watermark = reader(question, index_name)
    page = visible_project(actor, index, name, watermark)
    file = attested.find(project_documents.projects_of(page), version, filename)
    served = files.find(index, file_path(file.sha256, file.filename), watermarks.read()) if file else None
    if file is None or served is None or served.is_quarantined:
        raise attested.none_of(f"{filename} of {name} {version}")
    if not gate.may_read(actor, served.member, served.project, watermark):
        gate.refuse(actor, index.name)
    if served.ruling.rule is not None:
        holds.obey(served.ruling, actor, served.member, served.project[1], filename)
    if (body := attested.kept(file.pk)) is not None:
        return _provenance(question, page, body)
    row = file.pk
    return AwaitedSmall(
        attested.fetch(row, served.member.name, lambda: _provenance(question, page, attested.kept(row) or b"{}"))
    )


def _provenance(question: Question, page: ServedProject, body: bytes) -> Reply:
    private = not page.member.anonymous_read
    headers = [
        ("Content-Type", _INTEGRITY),
        ("Cache-Control", page_cache_control(credentials_needed=private)),
        ("Vary", page_vary(credentials_needed=private)),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Length", str(len(body))),
    ]
    return Reply(200, headers, b"" if question.is_head else body)
