"""What a static index says: its list and its pages in both forms, and the metadata inside its wheels."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.servers.static_index import StaticFile, StaticIndex

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "text/html"

INJECTION = (
    b"<!DOCTYPE html><html><head><script>alert(1)</script></head><body>"
    b'<a href="javascript:alert(1)">acme_tool-6.6-py3-none-any.whl</a>'
    b'<a href="file:///etc/passwd">acme_tool-6.7-py3-none-any.whl</a>'
    b'<a href="/files/x">../../etc/cron.d/acme_tool-6.8.tar.gz</a>'
    b'<a href="/files/y">acme_tool-6.9-py3-none-any.whl"><script>alert(1)</script></a>'
    b'<a href="http://[::1/files/z">acme_tool-7.0-py3-none-any.whl</a>'
    b'<a href="/files/other-1.0.tar.gz">other-1.0.tar.gz</a>'
    b'<a href="/files/acme_tool-1.0-py3-none-any.whl" data-yanked="&lt;script&gt;alert(2)&lt;/script&gt;'
    b'&#0;&#10;X: y" data-requires-python="&gt;=3.8">acme_tool-1.0-py3-none-any.whl</a>'
    b"</body></html>"
)
"""A page of acme-tool with one file that can be offered."""


def metadata_of(file: StaticFile) -> bytes | None:
    """The METADATA beside a wheel; None where there is none."""
    if file.metadata is not None or not file.filename.endswith(".whl"):
        return file.metadata
    try:
        with zipfile.ZipFile(io.BytesIO(file.content)) as wheel:
            found = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
            return wheel.read(found[0]) if found else None
    except zipfile.BadZipFile:
        return None


def list_page(index: StaticIndex, form: str) -> bytes:
    """All projects."""
    names = sorted(index.projects)
    if form == "json":
        projects = [{"name": name, "_last-serial": index.projects[name].serial} for name in names]
        meta = {"api-version": "1.4", "_last-serial": index.serial}
        return json.dumps({"meta": meta, "projects": projects}).encode()
    anchors = "".join(f'<a href="{name}/">{name}</a>\n' for name in names)
    return f"{_head('')}{anchors}</body></html>".encode()


def project_page(index: StaticIndex, name: str, form: str) -> bytes:
    """One project."""
    files = [file for file in index.files.values() if file.project == name]
    return _json_page(index, name, files) if form == "json" else _html_page(index, name, files)


def digests_of(index: StaticIndex, file: StaticFile) -> dict[str, str]:
    """As the page gives them."""
    if file.digests is not None:
        return file.digests
    if index.behaviour.hashes == "none":
        return {}
    content = b"another" if index.behaviour.hashes == "wrong" else file.content
    return {"sha256": hashlib.sha256(content).hexdigest()}


def _json_page(index: StaticIndex, name: str, files: list[StaticFile]) -> bytes:
    project = index.projects[name]
    page: dict[str, Any] = {
        "meta": {"api-version": "1.4", "_last-serial": project.serial},
        "name": name,
        "versions": sorted({file.version for file in files}),
        "files": [_json_file(index, file) for file in files],
        **project.extra,
    }
    if project.status:
        page["project-status"] = {"status": project.status} | ({"reason": project.reason} if project.reason else {})
    return json.dumps(page).encode()


def _json_file(index: StaticIndex, file: StaticFile) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filename": file.filename,
        "url": _url(index, file),
        "hashes": digests_of(index, file),
        "size": len(file.content),
        "yanked": file.yanked,
    }
    metadata = metadata_of(file)
    if index.behaviour.has_metadata and metadata is not None:
        entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
    if file.upload_time:
        entry["upload-time"] = file.upload_time
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    if file.provenance is not None:
        entry["provenance"] = f"{index.base}/provenance/{file.filename}"
    return entry


def _html_page(index: StaticIndex, name: str, files: list[StaticFile]) -> bytes:
    project, lines = index.projects[name], []
    for file in files:
        digests = digests_of(index, file)
        fragment = f"#sha256={digests['sha256']}" if "sha256" in digests else ""
        attributes = f'href="{escape(_url(index, file) + fragment)}"'
        metadata = metadata_of(file)
        if file.requires_python:
            attributes += f' data-requires-python="{escape(file.requires_python)}"'
        if file.yanked is not False:
            attributes += f' data-yanked="{escape(file.yanked) if isinstance(file.yanked, str) else ""}"'
        if index.behaviour.has_metadata and metadata is not None:
            attributes += f' data-dist-info-metadata="sha256={hashlib.sha256(metadata).hexdigest()}"'
        if file.provenance is not None:
            attributes += f' data-provenance="{index.base}/provenance/{file.filename}"'
        lines.append(f"<a {attributes}>{escape(file.filename)}</a><br>\n")
    metas = f'<meta name="pypi:project-status" content="{project.status}">' if project.status else ""
    if project.reason:
        metas += f'<meta name="pypi:project-status-reason" content="{escape(project.reason)}">'
    if index.behaviour.urls == "base":
        metas += f'<base href="{index.base}/files/">'
    return f"{_head(metas)}{''.join(lines)}</body></html>\n<!--SERIAL {project.serial}-->".encode()


def _head(more: str) -> str:
    return (
        '<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.4">'
        f"<title>Links</title>{more}</head><body>"
    )


def _url(index: StaticIndex, file: StaticFile) -> str:
    path = quote(file.filename)
    if index.behaviour.urls == "absolute":
        return f"{index.base}/files/{path}"
    return f"../../files/{path}" if index.behaviour.urls == "relative" else path
