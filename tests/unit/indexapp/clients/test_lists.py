from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from indexapp.clients import upstream
from indexapp.clients.upstream import Failure, ListedProject, ProjectNames, UpstreamAddress, UpstreamFailed
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.servers.certificates import Authority
from tests.servers.static_index import Behaviour, Credentials, StaticIndex
from tests.servers.text_server import TextServer

JSON = "application/vnd.pypi.simple.v1+json"
FILES = [build_wheel("acme-tool", "1.0"), build_sdist("beta", "2.0")]


def names_of(url: str) -> ProjectNames:
    names = upstream.fetch_project_names(UpstreamAddress(url))
    assert names is not None
    return names


@pytest.mark.parametrize("form", ["json", "html"])
def test_the_names_of_all_projects(form: str) -> None:
    with StaticIndex(FILES, behaviour=Behaviour(forms=(form,))) as index:
        names = names_of(index.url.rstrip("/"))
        assert [*names] == ["acme-tool", "beta"]
        assert names.last_serial == 2


def test_serials_where_the_list_says_them() -> None:
    with StaticIndex(FILES) as index:
        assert [*names_of(index.url).entries()] == [ListedProject("acme-tool", 1), ListedProject("beta", 2)]


@pytest.mark.parametrize("behaviour", [Behaviour(has_list=False), Behaviour(status=405)])
def test_an_upstream_without_a_list(behaviour: Behaviour) -> None:
    with StaticIndex(FILES, behaviour=behaviour) as index:
        assert upstream.fetch_project_names(UpstreamAddress(index.url)) is None


@pytest.mark.parametrize(("status", "kind"), [(401, Failure.REFUSED), (500, Failure.BUSY)])
def test_a_list_that_is_not_given(status: int, kind: Failure) -> None:
    with StaticIndex(FILES, behaviour=Behaviour(status=status)) as index, pytest.raises(UpstreamFailed) as caught:
        upstream.fetch_project_names(UpstreamAddress(index.url))
    assert caught.value.kind is kind


@pytest.mark.parametrize("fault", ["truncate", "broken-gzip", "endless", "wrong-type"])
def test_a_list_that_is_broken(fault: str) -> None:
    with StaticIndex(FILES, behaviour=Behaviour(fault=fault)) as index, pytest.raises(UpstreamFailed):
        [*names_of(index.url)]


@pytest.mark.parametrize(
    ("text", "content_type"),
    [("<form>sign in</form>", "text/html"), ('{"projects": [{"name": "a"}]}', JSON), ('{"meta": {"api-version": "2.0"}}', JSON)],
)  # fmt: skip
def test_what_is_no_list(text: str, content_type: str) -> None:
    with TextServer(text, content_type) as server, pytest.raises(UpstreamFailed) as caught:
        [*names_of(server.url)]
    assert caught.value.kind is Failure.BAD_ANSWER


def test_names_that_no_project_may_have_are_left_out() -> None:
    names = ["good", "../x", "", "a b", "x" * 200, None, 5, "&lt;b&gt;", "Fine_2"]
    text = json.dumps({"projects": [{"name": name} for name in names] + ["x", None], "meta": {"api-version": "1.0"}})
    with TextServer(text, JSON) as server:
        assert [*names_of(server.url)] == ["good", "Fine_2"]
    with TextServer("".join(f"<a href='x'>{name}</a>" for name in names), "text/html") as server:
        assert [*names_of(server.url)] == ["good", "None", "5", "Fine_2"]


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_list_of_any_length_takes_little_memory(form: str) -> None:
    names = [f"project-{number:06}" for number in range(60_000)]
    if form == "json":
        text = json.dumps(
            {"meta": {"api-version": "1.4"}, "projects": [{"name": name, "_last-serial": 1} for name in names]}
        )
    else:
        text = "".join(f'<a href="/simple/{name}/">{name}</a>\n' for name in names)
    with TextServer(text, JSON if form == "json" else "text/html") as server:
        tracemalloc.start()
        try:
            count = sum(1 for _ in names_of(server.url))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (count, peak < 2_000_000) == (60_000, True), f"{peak} bytes at most"
    assert len(text) > 2_500_000


def test_a_list_that_is_not_read_to_its_end_is_closed() -> None:
    with StaticIndex(FILES) as index:
        names = names_of(index.url)
        for _ in names:
            break
        names.close()


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_trial_tells_what_is_there(tmp_path: Path, form: str) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue("s", addresses=["127.0.0.1"])
    with StaticIndex(FILES, behaviour=Behaviour(forms=(form,)), certificate=certificate) as index:
        trial = upstream.test(UpstreamAddress(index.url, ca_certificates=authority.ca_file.read_text()))
    assert (trial.is_usable, trial.form, trial.tls, trial.last_serial) == (True, form, "TLSv1.3", 2)
    assert trial.seconds > 0


def test_a_trial_without_a_list() -> None:
    with StaticIndex(FILES, behaviour=Behaviour(has_list=False)) as index:
        trial = upstream.test(UpstreamAddress(index.url))
    assert (trial.is_usable, trial.form, "no list" in trial.sentence) == (True, None, True)


_FRONT = """<!doctype html><title>Acme</title><a href="/"><img src="logo.png"></a> <a href="/about/">About</a>
<a href="/docs/">Docs</a> <a href="/downloads/">Downloads</a>"""


_FOLDER = """<a href="?C=N;O=D">Name</a> <a href="../">Parent Directory</a> <a href="Acme.Tool/">Acme.Tool/</a>
<a href="acme_tool-1.0-py3-none-any.whl">acme_tool-1.0-py3-none-any.whl</a>"""


@pytest.mark.parametrize(
    ("text", "content_type", "sentence"),
    [
        (_FRONT, "text/html", "lead to no page of a project"),
        (_FRONT + '<a href="/news/1">What is new</a>', "text/html", "its links are not those of projects"),
        ("<!doctype html><div id=app></div>", "text/html", "its links are not those of projects"),
        (
            '<a href="/f/acme_tool-1.0-py3-none-any.whl">acme_tool-1.0-py3-none-any.whl</a>',
            "text/html",
            "single project",
        ),
        ('<meta name="pypi:repository-version" content="2.0">', "text/html", "no known version"),
        ('{"hello": "world"}', "application/json", "no known version"),
        ('{"meta": {"api-version": "1.0"}, "name": "a", "files": []}', "application/json", "single project"),
        ("[1]", "application/json", "no list of projects"),
    ],
)
def test_a_trial_of_another_page_fails(text: str, content_type: str, sentence: str) -> None:
    with TextServer(text, content_type) as server:
        trial = upstream.test(UpstreamAddress(server.url))
    assert (trial.is_usable, trial.code) == (False, "upstream-bad-answer")
    assert sentence in trial.sentence
    assert "/simple/" in trial.sentence


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        ('{"meta": {"api-version": "1.0"}, "projects": []}', "application/json"),
        ('{"projects": [{"name": "a"}], "meta": {"api-version": "1.4"}}', "application/vnd.pypi.simple.v1+json"),
        ('<meta name="pypi:repository-version" content="1.0">', "text/html"),
        ("<title>Nothing here yet</title>", "application/vnd.pypi.simple.v1+html"),
        (_FOLDER, "text/html"),  # as a web server lists one; the same text stands for the page of the project
    ],
)
def test_a_trial_knows_a_list_that_says_little(text: str, content_type: str) -> None:
    with TextServer(text, content_type) as server:
        trial = upstream.test(UpstreamAddress(server.url))
    assert trial.is_usable, trial.sentence


def test_a_trial_that_fails_is_a_sentence_without_secrets() -> None:
    with StaticIndex(FILES, credentials=Credentials("u", "p")) as index:
        refused = upstream.test(UpstreamAddress(index.url, "u", "s3cret"))
    gone = upstream.test(UpstreamAddress("https://nowhere.invalid/simple", "u", "s3cret"))
    assert (refused.is_usable, refused.code) == (False, "upstream-refused")
    assert (gone.is_usable, gone.code) == (False, "upstream-unreachable")
    assert not any(
        "s3cret" in text for text in (refused.sentence, gone.sentence, repr(UpstreamAddress("x", "u", "s3cret")))
    )


def test_an_address_is_looked_at_before_it_is_asked(tmp_path: Path) -> None:
    pem = Authority(tmp_path).ca_file.read_text()
    root = "https://upstream.example/simple"
    assert (
        upstream.flaw(UpstreamAddress(root, ca_certificates=pem, proxy_url="http://u:s3cret@proxy.example:3128")) == ""
    )
    flaws = [
        upstream.flaw(UpstreamAddress("upstream.example/simple")),
        upstream.flaw(UpstreamAddress("https://user:s3cret@upstream.example/simple")),
        upstream.flaw(UpstreamAddress(root, proxy_url="u:s3cret@proxy.example")),
        upstream.flaw(UpstreamAddress(root, ca_certificates="s3cret")),
        upstream.flaw(UpstreamAddress(root, client_certificate=pem, client_key="s3cret")),
    ]
    assert all(flaws)
    assert not any("s3cret" in flaw for flaw in flaws)
