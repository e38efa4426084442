"""What lies in deploy/ is held against the real tools of its kind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as Client

from tests.architecture.source import ROOT
from tests.servers.ports import LOOPBACK
from tests.servers.redis import Redis

DEPLOY = ROOT / "deploy"
TOOLS = ROOT / ".venv-deploy" / "bin"
VALUES: dict[str, Any] = {
    "existingSecret": "tpi",
    "storageUrl": "s3://packages/tpi",
    "url": "https://tpi.example",
    "trustedProxies": ["10.42.7.0/28"],
    "networkPolicy": {"from": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}]},
    "settings": {"TPI_WORKERS": 4},
}
EVERYTHING = VALUES | {
    "antiAffinity": "required",
    "imagePullSecrets": [{"name": "pull"}],
    "nodeSelector": {"disk": "ssd"},
    "podAnnotations": {"a": "b"},
    "serviceAccount": {"annotations": {"a": "b"}},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "persistence": {"storageClass": "fast", "size": "5Gi"},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
}


def run(*command: str, given: str | None = None, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=given, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def passes(*command: str, given: str | None = None, folder: Path = ROOT) -> str:
    done = run(*command, given=given, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    text = passes(str(TOOLS / "python"), "tests/deploy/render_chart.py", given=json.dumps(values))
    found: list[dict[str, Any]] = json.loads(text)
    return found


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    return rendered(VALUES)


def of_kind(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def pods_of(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specification of every pod that any manifest makes."""
    found = []
    for manifest in manifests:
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        spec = spec.get("template", {}).get("spec", spec)
        if "containers" in spec:
            found.append(spec)
    return found


def test_the_chart_is_valid_with_few_and_with_all_values(manifests: list[dict[str, Any]]) -> None:
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds >= {
        "StatefulSet",
        "Service",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Job",
        "CronJob",
        "ServiceAccount",
    }
    assert {manifest["kind"] for manifest in rendered(EVERYTHING)} == {*kinds, "Ingress"}


@pytest.mark.parametrize("missing", ["existingSecret", "storageUrl", "url", "trustedProxies", "networkPolicy"])
def test_the_chart_says_what_it_needs(missing: str) -> None:
    values = {name: value for name, value in VALUES.items() if name != missing}
    done = run(str(TOOLS / "python"), "tests/deploy/render_chart.py", given=json.dumps(values))
    assert done.returncode != 0
    assert missing in done.stderr


def test_no_pod_is_root_or_writes_to_its_image(manifests: list[dict[str, Any]]) -> None:
    pods = pods_of(manifests)
    assert len(pods) == 5, "nodes, prepare, doctor, fsck, test"
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            security = container["securityContext"]
            assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_nodes_have_probes_and_leave_slowly(manifests: list[dict[str, Any]]) -> None:
    [nodes] = of_kind(manifests, "StatefulSet")
    pod = nodes["spec"]["template"]["spec"]
    [container] = pod["containers"]
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert pod["terminationGracePeriodSeconds"] > 30
    assert "podAntiAffinity" in pod["affinity"]
    secrets = [each for each in container["env"] if "SECRET" in each["name"] or "PEPPER" in each["name"]]
    assert secrets
    assert all(each["name"].endswith("_FILE") or "secretKeyRef" in each["valueFrom"] for each in secrets)


def test_the_chart_believes_and_lets_in_only_whom_it_is_told(manifests: list[dict[str, Any]]) -> None:
    [nodes] = of_kind(manifests, "StatefulSet")
    environment = {
        each["name"]: each.get("value") for each in nodes["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    assert environment["TPI_TRUSTED_PROXIES"] == "10.42.7.0/28"
    assert environment["TPI_METRICS_NETWORKS"] == "127.0.0.0/8,::1/128"
    [policy] = of_kind(manifests, "NetworkPolicy")
    [way_in] = policy["spec"]["ingress"]
    assert way_in["from"] == VALUES["networkPolicy"]["from"]
    without = VALUES | {"networkPolicy": {"enabled": False}}
    assert of_kind(rendered(without), "NetworkPolicy") == [], "who has policies elsewhere says so"


def test_who_may_claim_addresses_is_a_single_container_in_compose() -> None:
    text = (DEPLOY / "compose/compose.yaml").read_text()
    [believed] = re.findall(r"TPI_TRUSTED_PROXIES: (\S+)", text)
    assert f"inside: {{ipv4_address: {believed}}}" in text


@pytest.mark.parametrize("path", ["systemd/tpi.service", "compose/compose.yaml"])
def test_nodes_behind_a_proxy_leave_before_they_close(path: str, manifests: list[dict[str, Any]]) -> None:
    assert re.search(r"TPI_LEAVE_SECONDS(=|: )5\b", (DEPLOY / path).read_text())
    [nodes] = of_kind(manifests, "StatefulSet")
    pod = nodes["spec"]["template"]["spec"]
    assert {"name": "TPI_LEAVE_SECONDS", "value": "5"} in pod["containers"][0]["env"]
    assert pod["terminationGracePeriodSeconds"] == 65


def test_the_dockerfile() -> None:
    assert passes(str(TOOLS / "hadolint"), "deploy/Dockerfile") == ""
    text = (DEPLOY / "Dockerfile").read_text()
    assert text.rindex("USER 10001") > text.rindex("RUN ")


def test_the_compose_file(tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    shutil.copytree(DEPLOY / "compose", folder, ignore=shutil.ignore_patterns("secrets"))
    passes("sh", "make-secrets.sh", folder=folder)
    made = {path.name: path.read_text() for path in (folder / "secrets").iterdir()}
    passes("sh", "make-secrets.sh", folder=folder)
    assert {path.name: path.read_text() for path in (folder / "secrets").iterdir()} == made, "they are made once"
    assert (folder / "secrets").stat().st_mode & 0o077 == 0
    text = passes(str(TOOLS / "podman-compose"), "-f", "compose.yaml", "config", folder=folder)
    for name in made:
        assert f"./secrets/{name}" in text
    assert made["database-password"] in made["database-url"]
    assert made["cache-password"] in made["cache-url"]
    [command] = re.findall(r"redis-server, (/run/secrets/cache-conf), ", (folder / "compose.yaml").read_text())
    assert command, "the cache is started with the file that has its password"
    with Redis(configuration=folder / "secrets/cache-conf", password=made["cache-password"]) as redis:
        assert redis.ask("SET", "a", "b").startswith(b"-NOAUTH")
        ours = made["cache-url"].replace("@cache:6379", f"@{LOOPBACK}:{redis.port}")
        with Client.from_url(ours) as client:
            assert client.set("a", "b")


def test_the_compose_files_proxy() -> None:
    done = run("haproxy", "-c", "-f", "haproxy.cfg", folder=DEPLOY / "compose")
    assert done.returncode == 0, done.stderr


def test_the_proxy_of_two_sites_guards_as_that_of_one() -> None:
    """All but the last lines of its frontend, and the servers, is what the other has."""
    one, two = ((DEPLOY / name).read_text().split("\nglobal\n")[1] for name in ("haproxy.cfg", "haproxy-sites.cfg"))
    guards, _, _ = one.partition("    default_backend nodes")
    assert len(guards) > 1000
    assert two.startswith(guards)


@pytest.mark.parametrize("unit", ["tpi.service", "tpi-doctor.service", "tpi-doctor.timer"])
def test_the_units(unit: str, tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text().replace("/srv/tpi/.venv/bin/python", sys.executable)
        (tmp_path / path.name).write_text(text)
    done = run("systemd-analyze", "verify", "--man=no", str(tmp_path / unit))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_locked_up() -> None:
    passes(
        "systemd-analyze",
        "security",
        "--offline=true",
        "--threshold=20",
        "--no-pager",
        str(DEPLOY / "systemd/tpi.service"),
    )


def test_the_alert_rules() -> None:
    passes("promtool", "check", "rules", "tpi-alerts.yml", folder=DEPLOY / "monitoring")
    passes("promtool", "check", "config", "prometheus.example.yml", folder=DEPLOY / "monitoring")


def test_scripts_are_posix_shell() -> None:
    for path in DEPLOY.rglob("*.sh"):
        passes("sh", "-n", str(path))
    assert os.access(DEPLOY / "compose/make-secrets.sh", os.R_OK)


def test_every_yaml_file_can_be_read() -> None:
    paths = [str(path) for path in DEPLOY.rglob("*.y*ml") if "templates" not in path.parts]
    assert len(paths) > 5
    passes(
        str(TOOLS / "python"), "-c", "import sys, yaml; [yaml.safe_load(open(path)) for path in sys.argv[1:]]", *paths
    )


def test_what_the_dashboard_asks_is_promql(tmp_path: Path) -> None:
    panels = json.loads((DEPLOY / "monitoring/grafana-dashboard.json").read_text())["panels"]
    asked = [target["expr"].replace("$job", "tpi") for panel in panels for target in panel["targets"]]
    rules = [{"record": f"asked:{number}", "expr": expression} for number, expression in enumerate(asked)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))
    assert f"{len(asked)} rules found" in passes("promtool", "check", "rules", "rules.yml", folder=tmp_path)
