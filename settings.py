"""Every setting of the service, read once from the environment (and `.env`) and injected by the composition roots.

Names follow the predecessors' deployment guide. Outside development, missing or default secrets are all
listed in one `SettingsError`; secrets never appear in a representation.
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from clients.parameter_store import REFERENCE, ParameterStore, ParameterUnreadable
from domain.marketplace.delivery import parse_schedule

Environment = Literal["development", "test", "production"]


class SettingsError(Exception):
    """The settings do not allow a safe start; the message lists every reason."""


class Settings(BaseSettings):
    """The service's configuration. Durations are seconds, sizes are counts unless a name says otherwise."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)

    environment: Environment = Field("production", description="development and test relax the secret checks")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    allowed_origins: str = Field("", description="comma-separated CORS origins; no wildcard in production")
    trusted_proxies: str = Field("", description="addresses and networks whose X-Forwarded-For is believed")
    request_timeout_seconds: float = Field(60.0, gt=30, description="until an answer begins; no limit of streams")
    caller_limit_window_seconds: float = Field(10.0, gt=0, le=600, description="of both limits of one address")
    caller_limit_machines: int = Field(6000, ge=0, description="webhooks and order imports per window; 0: no limit")
    caller_limit_open: int = Field(600, ge=0, description="other requests without a token per window; 0: no limit")
    public_base_url: str = Field("http://localhost:8000", description="used in every URL we hand out")

    database_url: str = Field("", repr=False, description="postgresql+asyncpg://user:password@host:5432/database")
    db_pool_size: int = Field(5, ge=1, le=20)
    db_max_overflow: int = Field(5, ge=0, le=20, description="more connections under load; kept once they are open")
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")

    catalog_url: SecretStr = Field(SecretStr(""), description="any SQLAlchemy URL; else built from MYSQL_*")
    mysql_host: str = ""
    mysql_port: int = Field(3306, ge=1, le=65535)
    mysql_user: str = ""
    mysql_password: SecretStr = SecretStr("")
    mysql_database: str = ""
    catalog_ttl_seconds: int = Field(3600, ge=1, description="age at which the mapping snapshot is read anew")

    temporal_address: str = "localhost:7233"
    temporal_namespace: str = "default"
    temporal_payload_encryption: Literal["off", "read", "on"] = Field(
        "off", description="of what travels through Temporal, under FERNET_KEY; read: on the way to on, and back"
    )
    temporal_ui_url: str = Field("", description="base address of the Temporal Web UI, for links")

    fernet_key: SecretStr = Field(SecretStr(""), description="comma-separated Fernet keys, the first encrypts")
    jwt_public_key: SecretStr = Field(SecretStr(""), description="PEM, several, or the bare base64 body of one")
    jwt_jwks_file: str = Field("", description="JWKS file whose keys are named by kid; read anew when it changes")
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_leeway_seconds: int = Field(30, ge=0, le=120)

    aws_ssm_enabled: bool = False
    aws_region: str = "eu-south-1"
    jwt_public_key_ssm_path: str = "/prod/ebartex/jwt_public_key"
    fernet_key_ssm_path: str = "/prod/ebartex/fernet_key"

    cardtrader_api_base_url: str = "https://api.cardtrader.com/api/v2"
    cardtrader_writes_enabled: bool = Field(True, description="false stops every outgoing change and keeps the queue")
    changes_most_open: int = Field(50_000, ge=1, description="of one seller; more are answered 429")
    export_timeout_seconds: float = Field(180.0, gt=0, description="read timeout of GET /products/export")
    rate_limit_requests: int = Field(200, ge=10)
    rate_limit_window_seconds: float = Field(10.0, gt=0)
    rate_limit_burst: int = Field(3, ge=1, description="the rate follows: burst + window x rate = requests")

    central_api_base_url: str = Field("", description="the central inventory of the shops; empty: nothing is pushed")
    central_service_name: str = "inventory-service"
    central_service_secret: SecretStr = Field(SecretStr(""), description="as it is, or fernet:... under FERNET_KEY")
    central_service_ssm_path: str = "/prod/ebartex/central_service_secret"
    store_push_interval_minutes: float = Field(15.0, ge=0, le=1440, description="between two sweeps; 0: none by itself")
    store_history_days: int = Field(90, ge=1, le=3650, description="ended movements are kept so long")

    bulk_chunk_size: int = Field(5000, ge=1, le=20000)
    bulk_window: int = Field(8, ge=1, le=100, description="chunk activities in flight per sync")
    bulk_chunks_per_run: int = Field(400, ge=1, le=1000, description="chunks before the workflow continues as new")
    reconcile_interval_hours: float = Field(6.0, ge=0, le=168, description="between two sweeps; 0: none by itself")
    reconcile_most_running: int = Field(20, ge=1, le=1000, description="periodic syncs of a sweep at once")
    webhook_body_days: int = Field(30, ge=1, le=3650, description="bodies of webhooks that were dealt with")
    cards_history_days: int = Field(90, ge=1, le=3650, description="ended webhooks, syncs and changes")
    purchase_history_days: int = Field(365, ge=1, le=3650, description="ended purchases and their idempotency keys")
    staging_dir: Path = Field(Path(".devstack/staging"), description="where exports are written while staged")

    apismith_url: str = Field("", description="scheme, host and port of APISmith, the bridge's source")
    apismith_api_prefix: str = "/api/v1"
    apismith_token: SecretStr = Field(SecretStr(""), description="static; else a login by the name and password")
    apismith_username: str = ""
    apismith_password: SecretStr = SecretStr("")
    apismith_timeout_seconds: float = Field(60.0, gt=0, description="of one page of rows")
    schedulehub_url: str = Field("", description="scheme, host and port of ScheduleHub, the bridge's target")
    schedulehub_api_prefix: str = "/api/v1"
    schedulehub_token: SecretStr = Field(SecretStr(""), description="static; else a login by the name and password")
    schedulehub_username: str = ""
    schedulehub_password: SecretStr = SecretStr("")
    schedulehub_timeout_seconds: float = Field(120.0, gt=0, description="of one batch of records")
    default_batch_size: int = Field(1000, ge=100, le=10000, description="bridge: rows per page if none is asked for")
    bridge_batch_days: int = Field(30, ge=1, le=3650, description="ended batches are kept so long")
    bridge_failed_days: int = Field(90, ge=1, le=3650, description="settled dead letters of rows; open ones stay")
    bridge_children_days: int = Field(7, ge=1, le=3650, description="children that no longer wait")

    mock_api_base_url: str = Field("http://localhost:8000/marketplace", description="where the mock marketplaces are")
    mock_etsy_user: str = ""
    mock_etsy_pass: SecretStr = SecretStr("")
    mock_shopify_user: str = ""
    mock_shopify_pass: SecretStr = SecretStr("")
    mock_amazon_user: str = ""
    mock_amazon_pass: SecretStr = SecretStr("")
    marketplace_rate_limit_requests: int = Field(100, ge=2, description="per account of a marketplace and window")
    marketplace_rate_limit_window_seconds: float = Field(10.0, gt=0)
    receipt_retry_schedule: str = Field("5m,10m,20m,40m,60m", description="waits between attempts; the last repeats")
    receipt_most_attempts: int = Field(30, ge=1, description="then a receipt is given up until somebody asks for it")
    sync_chunk_size: int = Field(100, ge=1, le=1000, description="receipts of a store per batch")
    order_sweep_seconds: float = Field(30.0, ge=0, description="between two looks for due receipts; 0: none")
    callback_retry_schedule: str = Field("1m,5m,15m", description="waits between attempts, then dead letter")
    callback_timeout_seconds: float = Field(5.0, gt=0, le=15)
    callback_allow_loopback: bool = Field(False, description="development only: call-backs to this machine")
    callback_secret_overlap_hours: float = Field(24.0, ge=0, description="a rotated secret still signs for so long")
    callback_retention_days: int = Field(30, ge=1, description="events that ended are kept for so long")

    worker_high_priority_slots: int = Field(8, ge=1)
    worker_bulk_sync_slots: int = Field(2, ge=1)
    worker_default_slots: int = Field(4, ge=1)
    worker_grace_seconds: float = Field(25.0, ge=0, description="below the orchestrator's kill timeout")
    worker_metrics_bind: str = Field("", description="host:port of the worker's Prometheus endpoint")

    otel_exporter_otlp_endpoint: str = Field("", description="traces are sent to it, OTLP over HTTP; empty: none")
    otel_traces_sample_ratio: float = Field(1.0, ge=0, le=1, description="of all traces, so many are recorded")
    worker_deployment_name: str = Field("brx-sync", description="of the workers in Temporal, if builds are told apart")
    worker_build_id: str = Field("", description="of this image: runs end on the build that began them; empty: off")

    @property
    def is_development(self) -> bool:
        """True where test conveniences may exist."""
        return self.environment in ("development", "test")

    @property
    def marketplace_accounts(self) -> dict[str, tuple[str, SecretStr]]:
        """User and password by marketplace; development has the predecessor's where none are set."""
        given = {
            "etsy": (self.mock_etsy_user, self.mock_etsy_pass),
            "shopify": (self.mock_shopify_user, self.mock_shopify_pass),
            "amazon": (self.mock_amazon_user, self.mock_amazon_pass),
        }
        known = {name: account for name, account in given.items() if account[0]}
        usual = {name: (f"{name}_user", SecretStr(f"{name}_pass")) for name in given} if self.is_development else {}
        return usual | known

    @field_validator("receipt_retry_schedule", "callback_retry_schedule")
    @classmethod
    def _is_schedule(cls, text: str) -> str:
        if not parse_schedule(text):
            raise ValueError("at least one wait is needed")
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            ip_network(part, strict=False)
        return text

    @property
    def catalog_dsn(self) -> str:
        """SQLAlchemy URL of the catalogue, "" when none is configured."""
        if url := self.catalog_url.get_secret_value():
            return url
        if not self.mysql_host:
            return ""
        user, password = quote(self.mysql_user, safe=""), quote(self.mysql_password.get_secret_value(), safe="")
        return f"mysql+pymysql://{user}:{password}@{self.mysql_host}:{self.mysql_port}/{self.mysql_database}"

    @model_validator(mode="after")
    def _fill_from_ssm(self) -> Self:
        """What is referred to is read from the parameter store, and keys that were not given."""
        try:
            self._resolve(ParameterStore(self.aws_region))
        except ParameterUnreadable as error:
            raise SettingsError(str(error)) from error
        return self

    def _resolve(self, store: ParameterStore) -> None:
        for name, value in ((name, getattr(self, name)) for name in type(self).model_fields):
            text = value.get_secret_value() if isinstance(value, SecretStr) else value if name == "database_url" else ""
            if text.startswith(REFERENCE):
                if not self.aws_ssm_enabled:
                    raise SettingsError(f"{name.upper()} refers to AWS SSM, which AWS_SSM_ENABLED has off")
                setattr(self, name, type(value)(store.resolve(text)))
        if self.aws_ssm_enabled:
            if not self.fernet_key.get_secret_value():
                self.fernet_key = store.secret(self.fernet_key_ssm_path)
            if not self.jwt_public_key.get_secret_value() and not self.jwt_jwks_file:
                self.jwt_public_key = store.secret(self.jwt_public_key_ssm_path)
            if self.central_api_base_url and not self.central_service_secret.get_secret_value():
                self.central_service_secret = store.secret(self.central_service_ssm_path)

    @model_validator(mode="after")
    def _refuse_unsafe_start(self) -> Self:
        if not self.is_development and (problems := self.problems()):
            raise SettingsError("Refusing to start: " + "; ".join(problems))
        return self

    def problems(self) -> list[str]:
        """Everything that would make a start unsafe, one sentence each."""
        checks = (
            (not self.database_url.startswith("postgresql+asyncpg://"), "DATABASE_URL must be postgresql+asyncpg://"),
            (not self.catalog_dsn, "CATALOG_URL or MYSQL_HOST is missing"),
            (not self.fernet_key.get_secret_value(), "FERNET_KEY is missing"),
            (
                not self.jwt_public_key.get_secret_value() and not self.jwt_jwks_file,
                "JWT_PUBLIC_KEY is missing, and JWT_JWKS_FILE",
            ),
            (
                bool(self.central_api_base_url) and not self.central_service_secret.get_secret_value(),
                "CENTRAL_SERVICE_SECRET is missing",
            ),
            (
                bool(self.apismith_url)
                and not _signs_in(self.apismith_token, self.apismith_username, self.apismith_password),
                "APISMITH_TOKEN is missing, and APISMITH_USERNAME and APISMITH_PASSWORD",
            ),
            (
                bool(self.schedulehub_url)
                and not _signs_in(self.schedulehub_token, self.schedulehub_username, self.schedulehub_password),
                "SCHEDULEHUB_TOKEN is missing, and SCHEDULEHUB_USERNAME and SCHEDULEHUB_PASSWORD",
            ),
            (self.callback_allow_loopback, "CALLBACK_ALLOW_LOOPBACK is for development only"),
            ("*" in self.allowed_origins, "ALLOWED_ORIGINS may not be a wildcard"),
            (self.rate_limit_burst >= self.rate_limit_requests, "RATE_LIMIT_BURST must be below RATE_LIMIT_REQUESTS"),
        )
        return [text for failed, text in checks if failed]


def _signs_in(token: SecretStr, username: str, password: SecretStr) -> bool:
    return bool(token.get_secret_value() or (username and password.get_secret_value()))
