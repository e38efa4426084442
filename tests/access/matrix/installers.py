"""The addresses that installers and upload clients ask."""

from __future__ import annotations

from tests.access.matrix.who import EVERYBODY, FILE, INDEX, NOBODY, PATH, READERS, SIGNED_IN, UPLOADERS, Row, reads


def machine() -> dict[str, Row]:
    rows = {}
    for prefix, index in (("default-", {}), ("", INDEX)):
        project = {**index, "project": "acme-tool"}
        rows |= {
            f"index:{prefix}root": Row({"GET": (READERS, None)}, index, suffix="/"),
            f"index:{prefix}page": reads(READERS, **project),
            f"index:{prefix}file": reads(READERS, **index, **PATH),
            f"index:{prefix}project-json": reads(READERS, **project),
            f"index:{prefix}release-json": reads(READERS, **project, version="1.0"),
            f"index:{prefix}provenance": Row(
                {"GET": (READERS, None)},
                {**project, "version": "1.0", **FILE},
                answers={"GET": 404},  # the file was published without one
            ),
            f"index:{prefix}listing": reads(READERS, **project),
            # The matrix sends JSON, which is no call.
            f"index:{prefix}rpc": Row({"POST": (READERS, None)}, index, answers={"POST": 400}),
            f"index:{prefix}rpc2": Row({"POST": (READERS, None)}, index, answers={"POST": 400}),
            f"index:{prefix}rss-updates": reads(READERS, **index),
            f"index:{prefix}rss-packages": reads(READERS, **index),
            f"index:{prefix}rss-releases": reads(READERS, **project),
            # The address tells everybody what it is for; uploading is another matter.
            f"index:{prefix}upload": Row(
                {"GET": (EVERYBODY, None), "POST": (UPLOADERS, None)}, index, answers={"POST": 400}
            ),
        }
    # What advisories say is public; only an installation that nobody may read without credentials keeps it to who has some.
    question = {"package": {"name": "acme-tool", "ecosystem": "PyPI"}, "version": "1.0"}
    rows["index:osv-query"] = Row({"POST": (SIGNED_IN, question)})
    rows["index:osv-query-batch"] = Row({"POST": (SIGNED_IN, {"queries": [question]})})
    rows["index:osv-advisory"] = reads(SIGNED_IN, osv_id="PYSEC-2026-1")
    # Replicas come with secrets of their own, which nobody else has.
    rows["replication:hello"] = rows["replication:feed"] = rows["replication:tree"] = reads(NOBODY)
    rows["replication:blob"] = reads(NOBODY, sha256="0" * 64)
    for name in ("rows", "blobs", "fence", "promotion"):
        rows[f"replication:{name}"] = Row({"POST": (NOBODY, {})})
    rows["index:package"] = reads(READERS, **INDEX, **PATH)
    return rows
