"""What replicas ask, below ``/api/v1/replication/``; :mod:`indexapp.views.machine.routes` answers what is read in front."""

from __future__ import annotations

from django.urls import path, re_path

from indexapp.views.machine.django_views import machine_read
from indexapp.views.promotion import fence, promotion
from indexapp.views.replication import blobs, rows

app_name = "replication"
urlpatterns = [
    path("hello/", machine_read, name="hello"),
    path("feed/", machine_read, name="feed"),
    path("tree/", machine_read, name="tree"),
    re_path(r"^blobs/(?P<sha256>[0-9a-f]{64})/\Z", machine_read, name="blob"),
    path("rows/", rows, name="rows"),
    path("blobs/", blobs, name="blobs"),
    path("fence/", fence, name="fence"),
    path("promotion/", promotion, name="promotion"),
]
