"""The image and the compose file, by hadolint and by the Compose specification; none is built."""

import re
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from deploy.local.provision import DEPLOY
from monitor import __version__
from monitor.settings import load
from tests.oncall.programs import run

ROOT: Final = DEPLOY.parent
COMPOSE: Final = DEPLOY / "compose.yaml"
DOCKERFILE: Final = DEPLOY / "Dockerfile"


def services() -> dict[str, dict[str, Any]]:
    """Every service with what it takes from the anchors."""
    import compose_spec

    composed = compose_spec.PyOptions(apply_merge=True).from_yaml(COMPOSE.read_text())
    composed.validate()
    composed.to_spec()
    merged: dict[str, dict[str, Any]] = composed.to_dict()["services"]
    return merged


def test_hadolint_finds_nothing() -> None:
    run(Path(sys.executable).parent / "hadolint", "--failure-threshold", "style", DOCKERFILE)


def test_the_image_takes_its_tools_and_libraries_from_the_lock_file() -> None:
    text = DOCKERFILE.read_text()
    pinned = re.search(r"pip install (uv==\S+)", text)
    assert pinned is not None
    lock = (ROOT / "requirements.lock").read_text()
    assert f"\n{pinned[1]} \\\n" in lock
    assert "--constraint requirements.lock" in text


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_compose_file_is_one() -> None:
    assert {"kafka", "exchange", "monitor", "prometheus", "alertmanager", "grafana"} <= set(
        services()
    )


def test_compose_images_are_pinned_and_ours_is_this_version() -> None:
    images = {name: service["image"] for name, service in services().items()}
    assert all(re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", image) for image in images.values())
    assert images["monitor"] == f"foreshock:{__version__}"


def test_all_but_kafka_share_its_network_and_may_not_write() -> None:
    for name, service in services().items():
        if name != "kafka":
            assert service["network_mode"] == "service:kafka"
            assert service["read_only"]
            assert list(service["cap_drop"]) == ["ALL"]
        else:
            assert all(str(port).startswith("127.0.0.1:") for port in service["ports"])


def test_what_compose_mounts_is_there_and_the_monitor_takes_its_configuration() -> None:
    for service in services().values():
        for volume in map(str, service.get("volumes", ())):
            source, target, *_ = volume.split(":")
            if source.startswith(".") and "grafana" not in source:
                assert (DEPLOY / source).exists(), source
            if target == "/etc/foreshock/foreshock.toml":
                config = load(DEPLOY / source, service["environment"])
                watched = msgspec.yaml.decode(
                    (DEPLOY / "prometheus" / "prometheus.yml").read_bytes()
                )["scrape_configs"][0]["static_configs"][0]
                assert config.venue == watched["labels"]["venue"]
                assert watched["targets"] == [f"127.0.0.1:{config.http.port}"]
