from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.digests import MultiDigest
from indexapp.domain.filenames import parse_filename
from indexapp.domain.form_hints import MAX_ATTESTATIONS_LENGTH, FormFields, contradictions
from indexapp.domain.metadata import parse_metadata
from indexapp.domain.profiles import UploadProfile
from tests.builders.core_metadata import core_metadata
from tpi_site.kit.errors import Gone, Invalid, Refusal

DIGEST = MultiDigest()
DIGEST.update(b"the artefact")
MD5, SHA256, BLAKE2 = (
    {"md5_digest": [DIGEST.md5]},
    {"sha256_digest": [DIGEST.sha256]},
    {"blake2_256_digest": [DIGEST.blake2_256]},
)
META = parse_metadata(core_metadata("Tpi.Demo", "1.0", metadata_version="2.5"))
WHEEL = parse_filename("tpi_demo-1.0-py3-none-any.whl", profile=UploadProfile.ENTERPRISE)
SDIST = parse_filename("tpi_demo-1.0.tar.gz", profile=UploadProfile.ENTERPRISE)

PROTOCOL = {":action": ["file_upload"], "protocol_version": ["1"]}
CORE = {"metadata_version": ["2.5"], "name": ["Tpi.Demo"], "version": ["1.0"], "summary": ["A demo"]}
LISTS = {
    "classifiers": ["Programming Language :: Python :: 3", "Private :: Do Not Upload"],
    "project_urls": ["Docs, https://tpi.example/docs", "Source, https://tpi.example/src"],
    "requires_dist": ["numpy", "pytest; extra == 'test'"],
}
# What each client really sends (wheel; the sdist differs in filetype and pyversion), as captured on the wire.
CLIENTS: dict[str, dict[str, list[str]]] = {
    "twine": {
        **CORE,
        "name": ["Tpi-Demo"],
        **LISTS,
        "keywords": ["one, two"],
        "license_expression": ["MIT"],
        "license_file": ["LICENSE"],
        "provides_extra": ["test"],
        **SHA256,
        **BLAKE2,
        **PROTOCOL,
    },
    "twine on a FIPS machine": {**CORE, **SHA256, **PROTOCOL},
    "uv": {
        ":action": ["file_upload"],
        **SHA256,
        **BLAKE2,
        "protocol_version": ["1"],
        **CORE,
        **LISTS,
        "requires_python": [""],
        "import_names": ["tpi_demo"],
        "provides_extra": ["test"],
        "attestations": ['[{"version": 1}]'],
    },
    "poetry": {**CORE, **LISTS, **MD5, **SHA256, **BLAKE2, "keywords": ["one, two"], **PROTOCOL},
    "pdm": {
        **CORE,
        **LISTS,
        **MD5,
        **SHA256,
        **BLAKE2,
        "license": [""],
        "home_page": [""],
        "author": [""],
        "comment": [""],
        "provides_extras": ["test"],
        **PROTOCOL,
    },
    "hatch": {
        **CORE,
        **LISTS,
        **MD5,
        **SHA256,
        **BLAKE2,
        "license": ["MIT"],
        "license_expression": ["MIT"],
        **PROTOCOL,
    },
    "flit": {
        **PROTOCOL,
        **CORE,
        "metadata_version": ["2.3"],
        "name": ["tpi_demo"],
        **MD5,
        **SHA256,
        "provides": ["tpi_demo"],
    },
    "distutils of Python 2.7": {
        **PROTOCOL,
        **CORE,
        "metadata_version": ["1.0"],
        "home_page": ["UNKNOWN"],
        "license": ["UNKNOWN"],
        "platform": ["UNKNOWN"],
        "keywords": ["one", "two"],
        "classifiers": LISTS["classifiers"],
        "download_url": ["UNKNOWN"],
        "provides": [],
        "comment": [""],
        **MD5,
    },
    "distutils of Python 3.8": {
        **PROTOCOL,
        **CORE,
        "metadata_version": ["1.0"],
        "comment": ["built for Linux"],
        **MD5,
        **SHA256,
        **BLAKE2,
    },
}
PYVERSION_OF_SDIST = {"flit": None, "distutils of Python 2.7": "", "distutils of Python 3.8": ""}


def form(**changes: list[str] | None) -> dict[str, list[str]]:
    """Return twine's form of a wheel with changes: 'action' stands for ':action', ``None`` removes a field."""
    named = {(":action" if name == "action" else name): values for name, values in changes.items()}
    sent = {**CLIENTS["twine"], "filetype": ["bdist_wheel"], "pyversion": ["py3"], **named}
    return {name: values for name, values in sent.items() if values is not None}


def refused_code(kind: type[Refusal] = Invalid, **changes: list[str] | None) -> str:
    with pytest.raises(kind) as refused:
        FormFields.read(form(**changes))
    assert refused.value.detail.isprintable()
    assert refused.value.detail.isascii()
    return refused.value.code


@pytest.mark.parametrize("client", CLIENTS)
def test_the_wheel_of_every_client_passes(client):
    fields = FormFields.read({**CLIENTS[client], "filetype": ["bdist_wheel"], "pyversion": ["py3"]})
    assert (fields.filetype, fields.version, fields.pyversion) == ("bdist_wheel", "1.0", "py3")
    contradictions(fields, META, WHEEL)
    DIGEST.require_match(fields.digests)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_sdist_of_every_client_passes(client):
    pyversion = PYVERSION_OF_SDIST.get(client, "source")
    sent = {**CLIENTS[client], "filetype": ["sdist"]} | ({} if pyversion is None else {"pyversion": [pyversion]})
    fields = FormFields.read(sent)
    assert (fields.filetype, fields.pyversion) == ("sdist", pyversion or "")
    contradictions(fields, META, SDIST)
    DIGEST.require_match(fields.digests)


def test_all_that_is_read():
    assert FormFields.read(form(comment=[" hi "], **MD5, attestations=["[]"])) == FormFields(
        filetype="bdist_wheel",
        name="Tpi-Demo",
        version="1.0",
        digests=DIGEST.as_dict(),
        pyversion="py3",
        comment="hi",
        attestations=[],
    )


def test_what_may_be_absent():
    fields = FormFields.read(form(protocol_version=None, pyversion=None, metadata_version=None, blake2_256_digest=None))
    assert (fields.pyversion, fields.comment, fields.attestations) == ("", "", None)
    assert fields.digests == {"sha256": DIGEST.sha256}


@pytest.mark.parametrize("name", ["sha256_digest", "blake2_256_digest", "md5_digest"])
def test_one_digest_is_enough_in_either_case(name):
    digest = name.removesuffix("_digest")
    sent = {"sha256_digest": None, "blake2_256_digest": None, name: [DIGEST.as_dict()[digest].upper()]}
    assert FormFields.read(form(**sent)).digests == {digest: DIGEST.as_dict()[digest]}


def test_the_uncut_blake2_of_old_distutils_is_passed_over_beside_another_digest():
    fields = FormFields.read(form(blake2_256_digest=["ab" * 64]))
    assert fields.digests == {"sha256": DIGEST.sha256}
    assert refused_code(sha256_digest=None, blake2_256_digest=["ab" * 64]) == "digest-invalid"


@pytest.mark.parametrize("empty", ["", "UNKNOWN", "  "])
def test_empty_and_unknown_values_count_as_absent(empty):
    fields = FormFields.read(
        form(comment=[empty], pyversion=[empty], protocol_version=[empty], attestations=[empty], md5_digest=[empty])
    )
    assert (fields.pyversion, fields.comment, fields.attestations, "md5" in fields.digests) == ("", "", None, False)
    assert refused_code(name=[empty]) == "name-missing"
    assert refused_code(filetype=[empty]) == "filetype-unknown"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"action": None}, "action-missing"),
        ({"action": ["remove_pkg"]}, "action-unknown"),
        ({"protocol_version": ["2"]}, "protocol-version-unknown"),
        ({"filetype": None}, "filetype-unknown"),
        ({"filetype": ["bdist_egg"]}, "filetype-unknown"),
        ({"name": None}, "name-missing"),
        ({"name": ["a b"]}, "name-invalid"),
        ({"name": ["a\nb"]}, "name-invalid"),
        ({"name": ["a" * 101]}, "name-too-long"),
        ({"version": None}, "version-missing"),
        ({"version": ["dog"]}, "version-invalid"),
        ({"sha256_digest": None, "blake2_256_digest": None}, "digest-missing"),
        ({"sha256_digest": ["00"]}, "digest-invalid"),
        ({"sha256_digest": ["g" * 64]}, "digest-invalid"),
        ({"sha256_digest": ["\u0660" * 64]}, "digest-invalid"),
        ({"md5_digest": ["0" * 64]}, "digest-invalid"),
        ({"blake2_256_digest": ["0" * 63]}, "digest-invalid"),
        ({"summary": ["a\0"]}, "form-characters"),
        ({"x\0": ["a"]}, "form-characters"),
        ({"description": ["\ud800"]}, "form-characters"),
    ],
)
def test_what_is_refused(changes, code):
    assert refused_code(**changes) == code


@pytest.mark.parametrize("action", ["submit", "submit_pkg_info", "doc_upload"])
def test_actions_of_the_past_are_gone(action):
    assert refused_code(Gone, action=[action]) == "action-gone"


@pytest.mark.parametrize(
    "name",
    [
        ":action",
        "protocol_version",
        "filetype",
        "pyversion",
        "name",
        "version",
        "comment",
        "sha256_digest",
        "md5_digest",
        "attestations",
    ],
)
def test_a_field_that_is_read_is_given_once(name):
    sent = {**form(), name: ["a", "a"]}
    with pytest.raises(Invalid) as refused:
        FormFields.read(sent)
    assert refused.value.code == "form-repeated"


def test_an_empty_repetition_is_none():
    assert FormFields.read(form(name=["", "Tpi-Demo"])).name == "Tpi-Demo"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '"a"',
        "null",
        "[",
        "[1]",
        "[[]]",
        "x",
        "[NaN]",
        '[{"a": Infinity}]',
        '[{"a": "\\u0000"}]',
        '[{"a": "\\ud800"}]',
        "[" * 100_000,
        '[{"a": ' * 50_000,
        '[{"a": ' + "9" * 5000 + "}]",
        "[" + " " * MAX_ATTESTATIONS_LENGTH + "]",
    ],
)
def test_attestations_are_an_array_of_objects(text):
    assert refused_code(attestations=[text]) == "attestations-invalid"


def test_attestations_are_kept_unverified():
    attestations = [{"version": 1, "envelope": {"statement": "é/+=="}}, {}]
    assert FormFields.read(form(attestations=[json.dumps(attestations)])).attestations == attestations


@pytest.mark.parametrize("version", ["1.0", "1", "v1.0.0", "1.0.0"])
@pytest.mark.parametrize("name", ["Tpi.Demo", "tpi-demo", "TPI__demo"])
def test_other_spellings_are_no_contradiction(name, version):
    contradictions(FormFields.read(form(name=[name], version=[version])), META, WHEEL)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"name": ["tpidemo"]}, "name"),
        ({"name": ["other"]}, "name"),
        ({"version": ["1.0.1"]}, "version"),
        ({"version": ["1.0+corp"]}, "version"),
        ({"filetype": ["sdist"]}, "filetype"),
    ],
)
def test_contradictions_are_refused(changes, what):
    with pytest.raises(Invalid, match=what) as refused:
        contradictions(FormFields.read(form(**changes)), META, WHEEL)
    assert refused.value.code == "form-contradicts-artefact"


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(list(form())), st.text(max_size=8)),
        st.lists(st.text(max_size=20), max_size=3),
        max_size=4,
    )
)
def test_any_form_is_read_or_refused(changes):
    sentence = ""
    try:
        FormFields.read({**form(), **changes})
    except Refusal as refusal:
        sentence = refusal.detail
    assert sentence.isprintable()


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=6,
    )
)
def test_any_attestations_are_storable_or_refused(found):
    try:
        kept = FormFields.read(form(attestations=[json.dumps(found)])).attestations
    except Invalid:
        return
    stored = json.dumps(kept, ensure_ascii=False)
    stored.encode()
    assert "\\u0000" not in stored
