from __future__ import annotations

from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.factories.cast import Cast


def test_a_right_is_explained(rest: AsPerson, cast: Cast):
    role = cast.index.roles.get(user=cast.reader)
    assert rest("reader").get("rights/?index=main&verb=read").json == {
        "user": "reader",
        "index": "main",
        "project": "",
        "verb": "read",
        "allowed": True,
        "reasons": [
            {
                "kind": "role",
                "sentence": f"Role {role.pk} gives 'reader' read on the whole index 'main'.",
                "grants": True,
            }
        ],
    }
    answer = rest("team_admin").get("rights/?user=reader&index=main&project=Acme&verb=upload").json
    assert (answer["allowed"], answer["reasons"][0]["kind"]) == (False, "no-grant")


def test_what_is_no_question(rest: AsPerson, cast: Cast):
    for query in (
        "",
        "?index=main",
        "?index=main&verb=fly",
        "?index=main&verb=read&colour=red",
        "?index=%00&verb=read",
    ):
        refused(rest("reader").get(f"rights/{query}"), 400)
    refused(rest("reader").get("rights/?user=member&index=main&verb=read"), 403, "right-missing")
    refused(rest("anonymous").get("rights/?index=main&verb=read"), 401)
