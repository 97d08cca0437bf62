"""deploy/kubernetes-builds: workers of a build beside those of another, told apart by the tag of their image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from settings import Settings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BUILD: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes-builds" / "kustomization.yaml").read_text())
BASE: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
WORKERS = [
    each["metadata"]["name"]
    for each in yaml.safe_load_all((DEPLOY / "kubernetes" / "workers.yaml").read_text())
    if each["kind"] == "Deployment"
]


def test_names_and_selectors_of_a_build_are_its_own() -> None:
    [image] = BASE["images"]
    [labels] = BUILD["labels"]
    assert labels == {"pairs": {"app.kubernetes.io/version": image["newTag"]}, "includeSelectors": True}
    assert BUILD["nameSuffix"] == "-" + image["newTag"].replace(".", "-")


def test_every_worker_has_the_tag_as_its_build() -> None:
    [replacement] = BUILD["replacements"]
    assert replacement["source"]["options"] == {"delimiter": ":", "index": 1}
    assert replacement["source"]["fieldPath"].endswith("containers.0.image")
    assert sorted(target["select"]["name"] for target in replacement["targets"]) == sorted(WORKERS)
    [variable] = yaml.safe_load(BUILD["patches"][0]["patch"])[0]["value"]
    assert variable["name"].lower() in Settings.model_fields
    assert {path for target in replacement["targets"] for path in target["fieldPaths"]} == {
        "spec.template.spec.containers.0.env.0.value"
    }


def test_nothing_but_workers_is_made_anew() -> None:
    assert BUILD["resources"] == ["../kubernetes"]
    deleted = BUILD["patches"][1]
    assert (deleted["target"], "$patch: delete" in deleted["patch"]) == ({"name": "api|migrate"}, True)
