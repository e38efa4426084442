"""The machine addresses of indexes; what people browse is in :mod:`indexapp.browse_urls`."""

from __future__ import annotations

from django.urls import path, re_path

from indexapp.views.machine.django_views import machine_read
from indexapp.views.osv import advisory, query, query_batch
from indexapp.views.upload import upload
from indexapp.views.xmlrpc import call

_FILE = r"(?P<path>[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}/[^/]+)\Z"
_INDEX = r"(?P<index>[a-z0-9][a-z0-9-]{0,63})"
_PROVENANCE = r"(?P<project>[^/]+)/(?P<version>[^/]+)/(?P<filename>[^/]+)/provenance\Z"

app_name = "index"
urlpatterns = [
    re_path(r"^simple/?\Z", machine_read, name="default-root"),
    re_path(r"^simple/(?P<project>[^/]+)/?\Z", machine_read, name="default-page"),
    re_path(rf"^files/{_FILE}", machine_read, name="default-file"),
    re_path(rf"^packages/{_INDEX}/{_FILE}", machine_read, name="package"),
    re_path(r"^pypi/?\Z", call, name="default-rpc"),
    re_path(r"^RPC2/?\Z", call, name="default-rpc2"),
    re_path(r"^rss/updates\.xml\Z", machine_read, name="default-rss-updates"),
    re_path(r"^rss/packages\.xml\Z", machine_read, name="default-rss-packages"),
    re_path(r"^rss/project/(?P<project>[^/]+)/releases\.xml\Z", machine_read, name="default-rss-releases"),
    re_path(r"^pypi/(?P<project>[^/]+)/json/?\Z", machine_read, name="default-project-json"),
    re_path(r"^pypi/(?P<project>[^/]+)/(?P<version>[^/]+)/json/?\Z", machine_read, name="default-release-json"),
    re_path(rf"^integrity/{_PROVENANCE}", machine_read, name="default-provenance"),
    re_path(r"^legacy/\+simple/(?P<project>[^/]+)/?\Z", machine_read, name="default-listing"),
    path("osv/v1/query", query, name="osv-query"),
    path("osv/v1/querybatch", query_batch, name="osv-query-batch"),
    path("osv/v1/vulns/<str:osv_id>", advisory, name="osv-advisory"),
    re_path(r"^legacy/?\Z", upload, name="default-upload"),
    re_path(rf"^{_INDEX}/simple/?\Z", machine_read, name="root"),
    re_path(rf"^{_INDEX}/simple/(?P<project>[^/]+)/?\Z", machine_read, name="page"),
    re_path(rf"^{_INDEX}/files/{_FILE}", machine_read, name="file"),
    re_path(rf"^{_INDEX}/pypi/?\Z", call, name="rpc"),
    re_path(rf"^{_INDEX}/RPC2/?\Z", call, name="rpc2"),
    re_path(rf"^{_INDEX}/rss/updates\.xml\Z", machine_read, name="rss-updates"),
    re_path(rf"^{_INDEX}/rss/packages\.xml\Z", machine_read, name="rss-packages"),
    re_path(rf"^{_INDEX}/rss/project/(?P<project>[^/]+)/releases\.xml\Z", machine_read, name="rss-releases"),
    re_path(rf"^{_INDEX}/pypi/(?P<project>[^/]+)/json/?\Z", machine_read, name="project-json"),
    re_path(rf"^{_INDEX}/pypi/(?P<project>[^/]+)/(?P<version>[^/]+)/json/?\Z", machine_read, name="release-json"),
    re_path(rf"^{_INDEX}/integrity/{_PROVENANCE}", machine_read, name="provenance"),
    re_path(rf"^{_INDEX}/legacy/\+simple/(?P<project>[^/]+)/?\Z", machine_read, name="listing"),
    re_path(rf"^{_INDEX}/legacy/?\Z", upload, name="upload"),
]
