"""What an installation starts from: image, compose file, Kubernetes and ECS, as far as this goes without an engine."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import botocore.session
import kubernetes_validate
import pytest
import typer
import yaml
from botocore.validate import ParamValidator

from cli.app import app
from settings import Settings
from workflows import task_queues

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
ECS = ROOT / "deploy" / "ecs"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "brx-sync"}
SETTINGS = {name.upper() for name in Settings.model_fields}
SECRETS = {"DATABASE_URL", "REDIS_URL", "CATALOG_URL", "FERNET_KEY", "JWT_PUBLIC_KEY"}
TASKS = sorted(path.name for path in ECS.glob("*.task.json"))
SERVICES = sorted(path.name for path in ECS.glob("*.service.json"))
GRACE = Settings.model_fields["worker_grace_seconds"].default


def manifests() -> Iterator[dict[str, Any]]:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in KUBERNETES.glob("*.yaml")} == {"kustomization.yaml", *listed}
    for name in listed:
        yield from yaml.safe_load_all((KUBERNETES / name).read_text())


def pods() -> dict[str, dict[str, Any]]:
    """Pod specifications by name of what makes them."""
    templates = (one for one in manifests() if "template" in one.get("spec", {}))
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in templates}


def tasks() -> dict[str, dict[str, Any]]:
    """The one container of each ECS task, by its name."""
    found = [json.loads((ECS / name).read_text())["containerDefinitions"] for name in TASKS]
    return {container["name"]: container for [container] in found}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command that starts our image, with where it stands."""
    for name, service in OURS.items():
        yield f"compose {name}", service["command"]
    for name, pod in pods().items():
        yield f"kubernetes {name}", pod["containers"][0]["args"]
    for name, container in tasks().items():
        yield f"ecs {name}", container["command"]


def queues_of(command: list[str]) -> list[str]:
    return [value for option, value in pairwise(command) if option == "--queue"]


@pytest.mark.parametrize("place", ["compose", "kubernetes", "ecs"])
def test_every_task_queue_has_its_workers_and_the_api_and_the_migration_run(place: str) -> None:
    here = [command for where, command in commands() if where.startswith(place)]
    assert sorted(queue for command in here for queue in queues_of(command)) == sorted(task_queues.ALL)
    assert {command[0] for command in here} == {"api", "worker", "migrate"}


def test_the_command_line_understands_every_command() -> None:
    group = typer.main.get_command(app)
    for where, (name, *arguments) in commands():
        command = group.get_command(group.make_context("brx-sync", [name]), name)  # type: ignore[attr-defined]
        assert command is not None, where
        command.make_context(name, list(arguments)).close()


def test_manifests_are_what_kubernetes_takes() -> None:
    found = list(manifests())
    for manifest in found:
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    assert len(found) > len(task_queues.ALL)


def test_what_scales_or_is_kept_alive_is_there() -> None:
    found = list(manifests())
    deployed = {one["metadata"]["name"] for one in found if one["kind"] == "Deployment"}
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in found if one["kind"] == "HorizontalPodAutoscaler"}
    budgets = [one["spec"]["selector"] for one in found if one["kind"] == "PodDisruptionBudget"]
    selectors = [one["spec"]["selector"] for one in found if one["kind"] == "Deployment"]
    assert {"api", "worker-bulk-sync"} == scaled
    assert scaled < deployed
    assert budgets == selectors


@pytest.mark.parametrize("name", TASKS)
def test_task_definitions_are_what_ecs_takes(name: str) -> None:
    assert refused_by_ecs(name, "RegisterTaskDefinition") == ""


@pytest.mark.parametrize("name", SERVICES)
def test_service_definitions_are_what_ecs_takes_and_name_a_task(name: str) -> None:
    assert refused_by_ecs(name, "CreateService") == ""
    families = {json.loads((ECS / task).read_text())["family"] for task in TASKS}
    assert json.loads((ECS / name).read_text())["taskDefinition"] in families


def refused_by_ecs(name: str, operation: str) -> str:
    shape = botocore.session.get_session().get_service_model("ecs").operation_model(operation).input_shape
    return str(ParamValidator().validate(json.loads((ECS / name).read_text()), shape).generate_report())


def test_the_compose_file_keeps_its_schema() -> None:
    check = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    done = subprocess.run([sys.executable, "-m", *check], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_settings_are_spelled_as_the_service_reads_them_and_no_secret_is_written_down() -> None:
    lines = (KUBERNETES / "settings.env").read_text().splitlines()
    written = {line.split("=")[0] for line in lines}
    for container in tasks().values():
        written |= {pair["name"] for pair in container["environment"]}
        assert {pair["name"] for pair in container["secrets"]} == SECRETS
    assert written <= SETTINGS - SECRETS
    assert set(COMPOSE["x-service"]["environment"]) <= SETTINGS
    assert SETTINGS >= SECRETS


def test_workers_are_given_longer_to_end_than_their_activities() -> None:
    for name, pod in pods().items():
        if name.startswith("worker"):
            assert pod["terminationGracePeriodSeconds"] > GRACE
    for name, container in tasks().items():
        if name.startswith("worker"):
            assert container["stopTimeout"] > GRACE
    assert float(COMPOSE["x-service"]["stop_grace_period"].removesuffix("s")) > GRACE


def test_workers_are_not_asked_what_only_the_api_answers() -> None:
    for name, service in OURS.items():
        assert ("healthcheck" in service) is (name != "api")


def test_the_image_is_built_from_all_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {pattern.removesuffix("*") for pattern in project["packages"]["find"]["include"]}
    modules = {f"{module}.py" for module in project["py-modules"]}
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_through == packages | modules | {"pyproject.toml", "requirements.lock", "README.md"}


def test_the_image_runs_as_nobody_and_its_recipe_is_clean() -> None:
    recipe = ROOT / "Dockerfile"
    done = subprocess.run([Path(sys.executable).with_name("hadolint"), recipe], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    user = recipe.read_text().rsplit("USER ", 1)[1].split()[0]
    assert {pod["securityContext"]["runAsUser"] for pod in pods().values()} == {int(user)}
