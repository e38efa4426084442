"""Canaries are planted wherever a secret may be; none may be in the bundle, whatever it is made from."""

from __future__ import annotations

import io
import json
import logging
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import Failure

from accounts.models import AuditEntry
from accounts.services import alarms, audit_senders, audit_sinks
from tests.factories.cast import Cast
from tests.factories.directories import silent_directory
from tests.factories.people import PASSWORD, SYSTEM, make_token, make_user
from tests.factories.publishing import make_index, make_project
from tpi_site.kit import key_ring, sealing
from tpi_site.kit.errors import Forbidden
from tpi_site.services.support import bundles
from tpi_site.services.support.naming import Pseudonyms

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

SECRETS = {
    "TPI_ADMIN_PASSWORD": "canary-admin-password",
    "TPI_LDAP_CORP_BIND_PASSWORD": "canary/ldap bind+pässword",
    "AWS_SECRET_ACCESS_KEY": "canaryawssecretaccesskey",
    "SOME_OTHER_API_KEY": "canary-other-api-key",
    "TPI_DATABASE_URL": "postgres://tpi:canary-database-word@db.tpi.example/tpi",
    "TPI_CACHE_URL": "redis://:canary-redis-word@cache.tpi.example/0",
    "TPI_STORAGE_URL": "storages.backends.x.Y?account_key=canary-storage-option&location=x",
    "TPI_PASSWROD": "canary-misspelt-setting",
}
WORDS = [
    "canary-admin-password",
    "canary/ldap bind+pässword",
    "canaryawssecretaccesskey",
    "canary-other-api-key",
    "canary-database-word",
    "canary-redis-word",
    "canary-storage-option",
    "canary-misspelt-setting",
]
FILES = {
    "TPI_VAULT_TOKEN_FILE": "canary-vault-token",
    "TPI_CACHE_URL_FILE": "redis://:canary-cache-word@cache.tpi.example/0",
}
FROM_FILES = ["canary-vault-token", "canary-cache-word", "canary/aws+file/word"]
PEM = "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5cGVtbGluZW9uZQ\nY2FuYXJ5cGVtbGluZXR3bw\n-----END PRIVATE KEY-----"
UNKNOWN = [
    "https://someone:canary-in-an-address@mirror.tpi.example/simple/",
    "https://canary-user-alone@mirror.tpi.example/",
    "Authorization: Basic Y2FuYXJ5LWJhc2ljOng=",
    "Authorization: Bearer canary-bearer-0123456789",
    "Cookie: tpi_session=canarysessioncookie; tpi_csrf=canarycsrfcookie",
    "GET /x?X-Amz-Signature=canaryamzsignature&token=canaryquerytoken",
    '{"password": "canary-json-password", "client_secret":"canary-client-word"}',
    "argon2$argon2id$v=19$m=1$canarysalt$canaryhash",
    "eyJhbGciOiJub25lIn0.Y2FuYXJ5.canaryjwt",
    "canary.person@corp.tpi.example signed in as CN=Canary Person,OU=canaryou,DC=tpi,DC=example",
    "CANARYSEEDABCDEFGHIJKLMNOP234567",
    "ghp_canarycanarycanarycanary0123",
    "password=\"canary-a,b;canary-c\" and 'secret': 'canary d, canary e'",
    '{\\"password\\": \\"canary-f,canary-g\\"}',
    "login with password 'canary quoted pw' or --password canary-argument",
    "{'tpi_session': 'canarysessiondict'} sessionid=canarysession2; passphrase=canary-phrase",
    "vault:v1:canaryvaultwrapped+ciphertext/abcdefgh= and hvs.canaryhvstoken1",
    "redis://:canary/redis@word@cache.tpi.example/0 and https://canary-token@mirror.tpi.example/",
    "https://tpi.example/cb?code=canaryoauthcode&state=canarystate",
    "Authorization: Digest username=x, response=canarydigest",
    PEM,
]
CANARIES = ["canary", "Y2FuYXJ5", "CANARYSEED", "Canary"]
log = logging.getLogger("tests.support")


@pytest.fixture
def planted(cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """All over the installation; returns the values that cannot be told by a word in them."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    for name, value in FILES.items():
        (tmp_path / name).write_text(value + "\n")
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "aws").write_text(f"[default]\naws_access_key_id = x\naws_secret_access_key = {FROM_FILES[2]}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
    settings.TPI_DATA_DIR = tmp_path
    settings.SECRET_KEY = "kp2" * 20
    settings.TPI_KEYRING = f"file:{tmp_path / 'keyring.json'}"
    (tmp_path / "initial-admin-password").write_text("initial-word-of-the-admin\n")
    _, token = make_token(make_user("somebody"))
    silent_directory("corp", bind_password="console-bind-word")
    sink = audit_sinks.create(actor=SYSTEM, name="siem", kind="http", address="https://siem.tpi.example/x")
    ring = key_ring.key_ring()
    sealed = sealing.seal("sealed-word", "test")
    known = [
        settings.SECRET_KEY, "initial-word-of-the-admin", token, "console-bind-word", sealed, PASSWORD,
        settings.TPI_TOKEN_PEPPER, json.loads(key_ring.as_json(ring))["keys"][ring.current], ring.keys[ring.current].hex(),
        sealing.unseal(sink.secret, audit_senders.purpose(sink)) or "console-bind-word",
    ]  # fmt: skip
    texts = [*known, *UNKNOWN, *SECRETS.values(), *WORDS, *FROM_FILES]
    for text in texts:
        if text == PASSWORD:  # of a form that nothing can know, and nowhere in clear but in people's heads
            continue
        log.warning("It failed with %s", text)
        alarms.ring("test", f"Failed: {text}", subject=text[:60])
    Failure.objects.create(
        id="f" * 32, name="failed", func="math.floor", success=False, started=timezone.now(), stopped=timezone.now(),
        args=("canary-argument",), result="\n".join(text for text in texts if text != PASSWORD),
    )  # fmt: skip
    return known


def opened(bundle: io.BytesIO) -> dict[str, str]:
    with zipfile.ZipFile(bundle) as found:
        return {name: found.read(name).decode() for name in found.namelist()}


def made(**options: Any) -> dict[str, str]:
    target = io.BytesIO()
    bundles.make(actor=SYSTEM, target=target, **options)
    return opened(target)


def leaks(files: dict[str, str], words: list[str]) -> list[tuple[str, str, str]]:
    return [
        (name, word, text[max(0, text.index(word) - 80) : text.index(word) + 80])
        for name, text in files.items()
        for word in words
        if word in text
    ]


def test_nothing_that_was_planted_is_in_the_bundle(planted: list[str], tmp_path: Path) -> None:
    outside = tmp_path / "journal.log"
    outside.write_text("\n".join([*planted, *UNKNOWN, *SECRETS.values(), *FROM_FILES]).replace(PASSWORD, ""))
    for files in (made(), made(with_names=True, logs=[outside])):
        assert leaks(files, [*planted, *CANARIES]) == []
        assert json.loads(files["REDACTIONS.json"])["known secret"] > 10
        assert "[redacted" in files["log.txt"]
        assert files["log.txt"].count("\n") > 20, "the lines themselves are there"
        assert "[redacted" in files["alarms.json"]
        assert "[redacted" in files["jobs.json"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_key_source_that_is_away_keeps_nobody_from_a_bundle(settings: Any, tmp_path: Path, is_first: bool) -> None:
    """It is made when something is broken; and it makes no ring where there is none."""
    ring = tmp_path / "wrapped.json"
    settings.TPI_KEYRING = f"vault:https://127.0.0.1:1/transit/tpi?ring={ring}"
    settings.TPI_OUTBOUND_NETWORKS, settings.TPI_VAULT_TOKEN = ["127.0.0.0/8"], "x"
    if not is_first:
        key = {"current": "a", "keys": {"a": "vault:v1:xyz"}, "naming": "vault:v1:xyz", "source": "vault"}
        ring.write_text(json.dumps(key))
    checks = {check["name"]: check["state"] for check in json.loads(made()["doctor.json"])["checks"]}
    assert checks["key-ring"] == "failing"
    assert ring.exists() != is_first


def test_what_helps_is_in_the_bundle() -> None:
    log.error("Something to look into")
    files = made()
    settings = {row["setting"]: row for row in json.loads(files["settings.json"])}
    assert settings["TPI_WORKERS"]["value"] == "2"
    assert settings["TPI_STORAGE_URL"]["value"].startswith("file:///")
    assert settings["TPI_KEYRING"]["value"] == "file:…"
    assert {check["name"] for check in json.loads(files["doctor.json"])["checks"]} >= {"disk", "queue"}
    assert any(line.startswith("accounts.0001_initial") for line in json.loads(files["migrations.json"]))
    assert json.loads(files["counts.json"])["indexapp.Project"] == 0
    assert "Something to look into" in files["log.txt"]
    assert "tpi_tokens_outliving_policy 0.0" in files["metrics.txt"]
    assert json.loads(files["versions.json"])["libraries"]["django"]


def test_names_are_replaced_unless_they_are_wished(cast: Cast) -> None:
    make_project(make_index("falcon"), "Stealth.Rocket")
    text = "GET /falcon/simple/stealth-rocket/stealth_rocket-1.0-py3-none-any.whl by member of tools"
    log.warning(text)
    hidden = made()["log.txt"]
    for name in ("falcon", "tealth", "member", "tools"):
        assert name not in hidden
    assert "1.0-py3-none-any.whl" in hidden
    assert text in made(with_names=True)["log.txt"]


def test_names_are_for_administrators(cast: Cast) -> None:
    with pytest.raises(Forbidden):
        bundles.make(actor=cast.actor("operator"), target=io.BytesIO(), with_names=True)
    assert not AuditEntry.objects.filter(action="support-bundle.make").exists()
    bundles.make(actor=cast.actor("administrator"), target=io.BytesIO(), with_names=True)
    assert AuditEntry.objects.get(action="support-bundle.make").object_name == "with names"


def test_a_name_has_one_pseudonym_and_no_other_word_has(cast: Cast) -> None:
    make_project(cast.index, "acme-tool")
    rename = Pseudonyms().rename
    first, second, longer, other = (
        rename(text) for text in ("acme-tool", "ACME_Tool", "acme-tool-1.0", "acme-toolbox")
    )
    assert first == second
    assert longer == f"{first}-1.0"
    assert other == "acme-toolbox"


def test_it_is_recorded_and_the_file_is_its_owners(tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    call_command("support_bundle", str(out))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    entry = AuditEntry.objects.get(action="support-bundle.make")
    assert (entry.actor_name, entry.object_name) == ("manage.py", "without names")
    with pytest.raises(CommandError, match="cannot be made"):
        call_command("support_bundle", str(out))
    with pytest.raises(CommandError):
        call_command("support_bundle", str(tmp_path / "other.zip"), log=[tmp_path / "no-such.log"])
    assert [path.name for path in tmp_path.glob("*.zip")] == ["out.zip"]
