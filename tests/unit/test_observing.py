"""Rules, dashboards and their places: everything parses, names something, and leads to a section that exists."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.helpers.observing import DASHBOARDS, GRAFANA, PROMETHEUS, ROOT, RULES, documented, expressions
from tests.helpers.promql import asked

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SUFFIXES = re.compile(r"_(bucket|sum|count)$")
# The alerts of the predecessor's deployment guide, and the wedge detector.
ALWAYS = {
    *("BrxNotReady", "BrxManyRequestsFail", "BrxTaskQueueBacklog", "BrxDatabasePoolExhausted", "BrxRateLimitExceeded"),
    "BrxWorkflowTasksFail",
}


def test_every_expression_names_documented_series_with_labels_they_have() -> None:
    known = {row.name: row.labels for row in documented()}
    for where, expression in expressions():
        for name, labels in asked(expression):
            if name == "up":
                continue
            series = SUFFIXES.sub("", name)
            assert series in known, (where, name)
            assert labels - {"le"} <= known[series], (where, name, labels)


def test_the_alerts_everybody_needs_are_there_and_each_says_what_to_do() -> None:
    names = [rule["alert"] for rule in RULES]
    assert set(names) >= ALWAYS
    assert len(names) == len(set(names))
    headings = (ROOT / "docs" / "operations.md").read_text().splitlines()
    anchors = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in headings if "#" in line[:3]
    }
    for rule in RULES:
        assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
        assert rule["labels"]["severity"] in {"page", "ticket", "info"}
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (page, anchor in anchors) == ("docs/operations.md", True), rule["alert"]


def test_an_expression_that_is_none_is_found() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        asked("sum by (queue (brx_sync_backlog_depth)")
    assert asked('sum by (a) (rate(x_total{b="1"}[$__rate_interval])) / y') == {
        ("x_total", frozenset("ab")),
        ("y", frozenset()),
    }


def test_every_dashboard_is_found_by_grafana_and_shows_something_everywhere() -> None:
    assert set(DASHBOARDS) == {"overview", "cards", "bridge", "store-marketplace", "temporal"}
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    for dashboard in DASHBOARDS.values():
        panels = dashboard["panels"]
        assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
        assert all(target["datasource"]["uid"] == source["uid"] for panel in panels for target in panel["targets"])
        assert all(panel["targets"] and panel["title"] for panel in panels)
        places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
        assert len(places) == len(panels)


def test_compose_gives_both_what_they_read_and_prometheus_scrapes_every_process() -> None:
    services = COMPOSE["services"]
    for name in ("prometheus", "grafana"):
        for volume in services[name]["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists(), volume
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/brx-sync.yml").read_text())["providers"]
    assert any(volume.split(":")[1] == provider["options"]["path"] for volume in services["grafana"]["volumes"])
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert [(PROMETHEUS / name).is_file() for name in config["rule_files"]] == [True]
    scraped = {name for job in config["scrape_configs"] for place in job["dns_sd_configs"] for name in place["names"]}
    ours = {name for name, one in services.items() if one.get("image") == "brx-sync" and one["command"] != ["migrate"]}
    assert scraped == ours
    port = COMPOSE["x-service"]["environment"]["WORKER_METRICS_BIND"].rpartition(":")[2]
    ports = {str(place["port"]) for job in config["scrape_configs"] for place in job["dns_sd_configs"]}
    assert ports == {"8000", port}
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert {name for rule in RULES for name in re.findall(r'job="([^"]+)"', rule["expr"])} <= jobs


def test_pods_say_where_their_pages_are() -> None:
    [job] = yaml.safe_load((PROMETHEUS / "prometheus.kubernetes.yml").read_text())["scrape_configs"]
    sources = " ".join(name for rule in job["relabel_configs"] for name in rule["source_labels"])
    for name in ("api.yaml", "workers.yaml"):
        for manifest in yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / name).read_text()):
            if manifest["kind"] != "Deployment":
                continue
            annotations = manifest["spec"]["template"]["metadata"]["annotations"]
            [port] = manifest["spec"]["template"]["spec"]["containers"][0]["ports"]
            assert annotations["prometheus.io/port"] == str(port["containerPort"])
            assert all(f"annotation_{re.sub('[^a-z]', '_', key)}" in sources for key in annotations)
