"""The settings: what refuses a start, what is derived, and that secrets never show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import SecretStr, ValidationError

from settings import Settings, SettingsError

SAFE = {
    "environment": "production",
    "database_url": "postgresql+asyncpg://u:p@h/d",
    "catalog_url": "mysql+pymysql://u:p@h/d",
    "fernet_key": "k",
    "jwt_public_key": "k",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def settings(**changes: object) -> Settings:
    return Settings.model_validate(SAFE | changes)


def test_safe_settings_start() -> None:
    assert settings().problems() == []


def test_nothing_at_all_is_refused_with_every_reason_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings()
    for name in ("DATABASE_URL", "CATALOG_URL", "FERNET_KEY", "JWT_PUBLIC_KEY"):
        assert name in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"database_url": "postgresql://u:p@h/d"}, "DATABASE_URL"),
        ({"catalog_url": ""}, "CATALOG_URL"),
        ({"fernet_key": ""}, "FERNET_KEY"),
        ({"jwt_public_key": ""}, "JWT_PUBLIC_KEY"),
        ({"allowed_origins": "https://a.example,*"}, "ALLOWED_ORIGINS"),
        ({"rate_limit_burst": 200}, "RATE_LIMIT_BURST"),
        ({"central_api_base_url": "http://central"}, "CENTRAL_SERVICE_SECRET"),
        ({"apismith_url": "http://erp"}, "APISMITH_TOKEN"),
        ({"schedulehub_url": "http://hub", "schedulehub_username": "bridge"}, "SCHEDULEHUB_TOKEN"),
    ],
)
def test_each_unsafe_setting_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(SettingsError, match=f"^Refusing to start: {reason} [^;]*$"):
        settings(**changes)


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("ssm", region_name="eu-south-1")


def test_missing_keys_come_from_the_parameter_store(ssm: Any) -> None:
    ssm.put_parameter(Name="/prod/ebartex/fernet_key", Value="fernet", Type="SecureString")
    ssm.put_parameter(Name="/prod/ebartex/jwt_public_key", Value="jwt", Type="String")
    read = settings(fernet_key="", jwt_public_key="", aws_ssm_enabled=True)
    assert (read.fernet_key.get_secret_value(), read.jwt_public_key.get_secret_value()) == ("fernet", "jwt")
    assert settings(fernet_key="given", aws_ssm_enabled=True).fernet_key.get_secret_value() == "given"


def test_failing_parameter_store_is_an_error(ssm: Any) -> None:
    with pytest.raises(SettingsError, match="/prod/ebartex/fernet_key cannot be read from AWS SSM"):
        settings(fernet_key="", aws_ssm_enabled=True)


SECRETS = sorted(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)


def test_every_secret_may_be_a_reference_to_the_parameter_store(ssm: Any) -> None:
    names = ["database_url", *SECRETS]
    kept = {name: f"hunter2 of {name}" for name in names} | {"database_url": "postgresql+asyncpg://u:hunter2@h/d"}
    for name, value in kept.items():
        ssm.put_parameter(Name=f"/mine/{name}", Value=value, Type="SecureString")
    read = settings(**{name: f"ssm:/mine/{name}" for name in names}, aws_ssm_enabled=True)
    assert {name: getattr(read, name).get_secret_value() for name in SECRETS} | {
        "database_url": read.database_url
    } == kept
    assert "hunter2" not in repr(read)


def test_a_reference_that_leads_nowhere_is_an_error(ssm: Any) -> None:
    with pytest.raises(SettingsError, match="/another cannot be read from AWS SSM"):
        settings(redis_url="ssm:/another", aws_ssm_enabled=True)


@pytest.mark.parametrize("name", ["database_url", *SECRETS])
def test_a_reference_without_the_store_is_an_error(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name.upper()} refers to AWS SSM"):
        settings(**{name: f"ssm:/mine/{name}"})


def test_an_empty_parameter_is_no_secret(ssm: Any) -> None:
    ssm.put_parameter(Name="/prod/ebartex/fernet_key", Value=" ", Type="SecureString")
    with pytest.raises(SettingsError, match="/prod/ebartex/fernet_key is empty"):
        settings(fernet_key="", aws_ssm_enabled=True)


def test_what_is_no_secret_is_never_looked_up(ssm: Any) -> None:
    assert settings(jwt_issuer="ssm:/x", aws_ssm_enabled=True).jwt_issuer == "ssm:/x"


def test_keys_may_be_in_a_file_alone(ssm: Any) -> None:
    assert settings(jwt_public_key="", jwt_jwks_file="/keys/jwks.json").problems() == []
    read = settings(jwt_public_key="", jwt_jwks_file="/keys/jwks.json", aws_ssm_enabled=True)
    assert read.jwt_public_key.get_secret_value() == ""


@pytest.mark.parametrize("environment", ["development", "test"])
def test_development_starts_with_anything(environment: str) -> None:
    assert Settings.model_validate({"environment": environment}).is_development


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SAFE.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("BULK_WINDOW", "3")
    assert Settings().bulk_window == 3


def test_the_seeds_spelling_of_the_neighbours_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("APISmith_URL", "http://erp")
    monkeypatch.setenv("ScheduleHub_TOKEN", "token")
    assert (Settings().apismith_url, Settings().schedulehub_token.get_secret_value()) == ("http://erp", "token")


@pytest.mark.parametrize("way", [{"token": "t"}, {"username": "u", "password": "p"}])
def test_a_neighbour_is_reached_by_a_token_or_a_login(way: dict[str, str]) -> None:
    given = {f"{name}_{key}": value for name in ("apismith", "schedulehub") for key, value in way.items()}
    assert settings(apismith_url="http://erp", schedulehub_url="http://hub", **given).problems() == []


def test_the_catalogue_is_built_from_the_mysql_settings() -> None:
    built = settings(
        catalog_url="", mysql_host="db", mysql_user="r@w", mysql_password=SecretStr("p/w"), mysql_database="cards"
    )
    assert built.catalog_dsn == "mysql+pymysql://r%40w:p%2Fw@db:3306/cards"


def test_a_catalogue_url_wins() -> None:
    assert settings(mysql_host="db").catalog_dsn == SAFE["catalog_url"]


def test_secrets_never_show() -> None:
    shown = repr(settings(fernet_key="hunter2", jwt_public_key="hunter2", redis_url="redis://:hunter2@h/0"))
    assert "hunter2" not in shown


def test_a_refused_value_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        settings(bulk_window="hunter2")
    assert "hunter2" not in str(refused.value)
