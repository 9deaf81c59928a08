"""What Grafana reads at its start: a data source, and the dashboards in a folder."""

from pathlib import Path
from typing import Any

import yaml

from grafana.build import FOLDER

PROVISIONING = FOLDER.parent / "provisioning"


def read(path: str) -> Any:
    return yaml.safe_load(Path(PROVISIONING, path).read_text(encoding="utf-8"))


def test_the_data_source_is_a_prometheus_that_the_environment_names() -> None:
    stored = read("datasources/foreshock.yaml")
    assert stored["apiVersion"] == 1
    (source,) = stored["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "$PROMETHEUS_URL"
    assert source["isDefault"] is True


def test_dashboards_are_in_a_folder_of_their_own_and_cannot_drift_from_the_code() -> None:
    (provider,) = read("dashboards/foreshock.yaml")["providers"]
    assert provider["folder"] == "Foreshock"
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"].startswith("/")
