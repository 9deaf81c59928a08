"""The Helm chart, by Helm itself, by the schemas of Kubernetes, and by Prometheus's tool."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from deploy.local.provision import DEPLOY, RULES
from monitor.config import Config
from monitor.settings import load
from tests.conftest import missing
from tests.oncall.programs import run, unavailable

CHART: Final = DEPLOY / "helm" / "foreshock"
DASHBOARDS: Final = DEPLOY.parent / "grafana" / "dashboards"
KUBERNETES: Final = ("1.27", "1.33")
OPERATOR: Final = "monitoring.coreos.com/v1"  # no schema of Kubernetes's own
WAYS: Final[dict[str, dict[str, Any]]] = {
    "as it is": {},
    "everything": {
        "venue": "venue-b",
        "shards": {"enabled": True},
        "calibration": '{"schema": 1,\n "x": [1]}\n',
        "environmentSecret": "kafka",
        "detection": {"checkpointClaim": "shared"},
        "serviceMonitor": {"labels": {"release": "prometheus"}},
        "prometheusRule": {"labels": {"release": "prometheus"}},
        "imagePullSecrets": [{"name": "registry"}],
        "podAnnotations": {"note": "yes"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "own", "operator": "Exists"}],
        "priorityClassName": "high",
    },
    "without an operator": {
        "serviceMonitor": {"enabled": False},
        "prometheusRule": {"enabled": False},
        "dashboards": {"enabled": False},
    },
}


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """All objects of a release called `watch`."""
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values=values, name="watch", namespace="risk")
    documents = [
        part
        for path, text in sorted(texts.items())
        if not path.endswith(".txt")
        for part in text.split("\n---\n")
    ]
    found = [msgspec.yaml.decode(document.removeprefix("---\n")) for document in documents]
    return [each for each in found if each]


def of_kind(kind: str, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Objects of a kind, by name."""
    return {o["metadata"]["name"]: o for o in rendered(values) if o["kind"] == kind}


def test_helm_finds_nothing_wrong() -> None:
    import helm_python

    report = helm_python.lint(CHART)
    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] > 1] == []


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("way", WAYS)
def test_kubernetes_knows_every_field(way: str, version: str) -> None:
    import kubernetes_validate

    objects = rendered(WAYS[way])
    assert objects
    for each in objects:
        if each["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(each, version, strict=True)
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("way", WAYS)
def test_pods_may_do_nothing_that_they_need_not(way: str) -> None:
    for deployment in of_kind("Deployment", WAYS[way]).values():
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()


@pytest.mark.parametrize("way", WAYS)
def test_everything_that_selects_finds_the_pods_it_means(way: str) -> None:
    objects = rendered(WAYS[way])
    pods = {
        o["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: o["spec"][
            "template"
        ]["metadata"]["labels"]
        for o in objects
        if o["kind"] == "Deployment"
    }
    services = {
        o["metadata"]["name"]: o["metadata"]["labels"] for o in objects if o["kind"] == "Service"
    }
    for each in objects:
        part = each["metadata"]["name"].rpartition("-")[2]
        if each["kind"] == "ServiceMonitor":
            wanted = each["spec"]["selector"]["matchLabels"]
            found = [name for name, labels in services.items() if wanted.items() <= labels.items()]
            assert found == [f"watch-{part}"]
        elif each["kind"] in ("Service", "PodDisruptionBudget"):
            selector = each["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert [p for p, labels in pods.items() if wanted.items() <= labels.items()] == [part]


@pytest.mark.parametrize("way", WAYS)
def test_the_monitor_takes_its_configuration(way: str, tmp_path: Path) -> None:
    file = tmp_path / "foreshock.toml"
    file.write_text(of_kind("ConfigMap", WAYS[way])["watch"]["data"]["foreshock.toml"])
    roles = {}
    for name, deployment in of_kind("Deployment", WAYS[way]).items():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["run", "-c", "/etc/foreshock/foreshock.toml"]
        config: Config = load(file, {e["name"]: e["value"] for e in container["env"]})
        assert config.http.host == "0.0.0.0"  # noqa: S104 - of a pod
        assert config.venue == WAYS[way].get("venue", "venue")
        roles[name] = (config.scale.role, config.checkpoint.directory)
    if way == "everything":
        assert roles == {
            "watch-detection": ("detection", "/var/lib/foreshock/state"),
            "watch-shard": ("shard", None),
        }
    else:
        assert roles == {"watch-detection": ("all", None)}


def test_rules_are_those_of_the_file_and_links_are_values(tmp_path: Path) -> None:
    reason = unavailable()
    if reason is not None:
        missing(reason)
    links = {"monitor": "http://m", "grafana": "http://g", "runbooks": "http://r"}
    rule = of_kind("PrometheusRule", {"links": links})["watch"]
    committed = msgspec.yaml.decode((RULES / "foreshock.rules.yml").read_bytes())
    own = rule["spec"]["groups"].pop()
    assert rule["spec"] == committed
    assert own["rules"] == [{"record": "foreshock:links", "expr": "vector(1)", "labels": links}]
    rule["spec"]["groups"].append(own)
    (tmp_path / "rules.yml").write_bytes(msgspec.yaml.encode(rule["spec"]))
    run("promtool", "check", "rules", tmp_path / "rules.yml")


def test_scrapes_are_labelled_as_rules_ask() -> None:
    for name, monitor in of_kind("ServiceMonitor", WAYS["everything"]).items():
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["honorLabels"]
        set_to = {r["targetLabel"]: r["replacement"] for r in endpoint["relabelings"]}
        job = "foreshock-shards" if name.endswith("shard") else "foreshock"
        assert set_to == {"job": job, "venue": "venue-b"}


def test_every_dashboard_is_there_as_it_is() -> None:
    maps = of_kind("ConfigMap", {})
    texts = {name: text for each in maps.values() for name, text in each["data"].items()}
    committed = {path.name: path for path in DASHBOARDS.glob("*.json")}
    assert {name for name in texts if name.endswith(".json")} == committed.keys()
    for name, path in committed.items():
        assert msgspec.json.decode(texts[name]) == msgspec.json.decode(path.read_bytes())
