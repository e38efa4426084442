from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import FunctionType

import pytest
from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from tests.architecture.source import ROOT, modules, tracked_files
from tpi_site.kit.signed_cache import SignedJson

ORDER = ["django", "accounts", "indexapp", "webhooks"]
MODEL_SIGNALS = {"pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed", "pre_init", "post_init"}
MUTATING = re.compile(
    r"(create|change|delete|make_default|set_|remove_|issue|revoke|grant|yank|unyank|reserve|release_prefix|accept)"
)
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("registry", "yarnpkg"),
    )
]


def test_foreign_keys_point_from_higher_apps_to_lower_ones() -> None:
    wrong = []
    for model in apps.get_models():
        label = model._meta.app_label
        if label not in ORDER:
            continue
        for field in model._meta.get_fields():
            if field.is_relation and field.many_to_one and field.related_model is not None:
                target = field.related_model._meta.app_label
                if target in ORDER and ORDER.index(target) > ORDER.index(label):
                    wrong.append(f"{model.__name__}.{field.name} -> {target}")
    assert wrong == []


def test_nothing_listens_to_model_signals() -> None:
    users = [
        f"{path}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in MODEL_SIGNALS)
        # A field has a method pre_save; of the signals' module it is the signal.
        or (isinstance(node, ast.Attribute) and node.attr in MODEL_SIGNALS and "signals" in ast.unparse(node.value))
    ]
    assert users == []


def test_services_know_no_http() -> None:
    forbidden = {"django.http", "django.urls", "django.shortcuts", "rest_framework"}
    users = [
        f"{path}:{node.lineno} {name}"
        for path, tree in modules("accounts/services", "indexapp/services")
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name in forbidden or name.startswith("rest_framework.")
    ]
    assert users == []


RUNS_WHAT_IT_READS = {
    "pickle",
    "cPickle",
    "_pickle",
    "marshal",
    "shelve",
    "dill",
    "jsonpickle",
    "picklefield",
    "cloudpickle",
}


def test_no_module_reads_a_form_that_can_hold_code() -> None:
    users = [
        f"{path}:{node.lineno} {name}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.partition(".")[0] in RUNS_WHAT_IT_READS or name == "django_q.signing"
    ]
    assert users == []


def test_the_shared_cache_is_written_and_read_by_our_serializer() -> None:
    options = settings.SHARED_CACHE["OPTIONS"]
    assert import_string(options["serializer"]) is SignedJson
    in_memory = "django.core.cache.backends.locmem.LocMemCache"
    assert {each["BACKEND"] for each in settings.CACHES.values()} <= {in_memory, settings.SHARED_CACHE["BACKEND"]}
    assert settings.SESSION_ENGINE == "tpi_site.kit.session_store", "sessions are in the database, as signed JSON"
    assert settings.SESSION_SERIALIZER.endswith("JSONSerializer")


def _services() -> Iterator[FunctionType]:
    for package in ("accounts.services", "indexapp.services"):
        root = importlib.import_module(package)
        for info in pkgutil.walk_packages(root.__path__, f"{package}."):
            module = importlib.import_module(info.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if not name.startswith("_") and function.__module__ == module.__name__:
                    yield function


def test_each_mutation_takes_its_actor_as_a_keyword_that_has_no_default() -> None:
    offenders = set()
    for function in _services():
        if not MUTATING.match(function.__name__):
            continue
        parameter = inspect.signature(function).parameters.get("actor")
        if (
            parameter is None
            or parameter.kind is not parameter.KEYWORD_ONLY
            or parameter.default is not parameter.empty
        ):
            offenders.add(f"{function.__module__}.{function.__name__}")
    assert offenders == set()


def test_the_search_for_mutations_finds_some() -> None:
    found = {f.__name__ for f in _services() if MUTATING.match(f.__name__)}
    assert {"create", "delete", "yank", "grant", "issue", "accept"} <= found


def test_migrations_import_no_code_of_the_apps_but_models_that_django_needs() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for app in ("accounts", "indexapp")
        for path in (ROOT / app / "migrations").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if ".services" in name or ".domain" in name or ".permissions" in name
    ]
    assert wrong == []


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_the_host_of_a_package_registry(host: str) -> None:
    needle = host.encode()
    assert [str(path.relative_to(ROOT)) for path in tracked_files() if needle in path.read_bytes().lower()] == []


def test_lock_files_name_no_address() -> None:
    locks = list((ROOT / "deploy").glob("*.lock"))
    assert locks
    assert [path.name for path in locks if "://" in path.read_text()] == []


_INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE)


def test_no_template_has_inline_script_or_style() -> None:
    found = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if _INLINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []
