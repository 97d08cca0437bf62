"""Everything the reference leaves open about CardTrader, as settings with the likeliest behaviour as default."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Knobs(BaseModel):
    """How this CardTrader behaves. Durations are seconds. Changed as a whole or in part by `PATCH /control/knobs`."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    enforce_limits: bool = True
    general_limit: int = Field(200, ge=1)
    general_window: float = Field(10.0, gt=0)
    jobs_limit: int = Field(1, ge=1)
    jobs_window: float = Field(1.0, gt=0)
    marketplace_limit: int = Field(10, ge=1)
    marketplace_window: float = Field(1.0, gt=0)
    window_kind: Literal["rolling", "fixed"] = "rolling"
    count_refused: bool = Field(False, description="whether refused requests use up the limit too")
    retry_after: int | None = Field(None, description="value of that header on 429, absent by default")

    games_wrapped: bool = True
    patch_app: bool = True
    get_product: bool = Field(False, description="GET /products/{id} is undocumented: 404 unless switched on")
    create_status: Literal[200, 201] = 200
    bulk_status: Literal[200, 202] = 202
    bulk_max: int | None = Field(None, ge=1, description="items per bulk call, above it 422")
    bulk_limit_error: str = "Too many products"
    empty_warnings: Literal["object", "array"] = "object"

    merge_on_price: bool = False
    merge_on_description: bool = False
    merge_on_user_data_field: bool = False
    merge_price: Literal["keep", "overwrite"] = "keep"
    zero_quantity: Literal["delete", "reject", "keep"] = Field("delete", description="effect of PUT quantity 0")

    job_pending: float = Field(0.3, ge=0)
    job_running: float = Field(0.3, ge=0)
    job_partial_results: bool = False
    job_unprocessable: float = Field(0.0, ge=0, le=1, description="probability that a job is not processed")
    unknown_job: Literal["unknown", "not_found"] = "unknown"

    rows_per_copy: bool = Field(False, description="one order item per copy instead of one per product")
    relist: Literal["same_id", "new_id"] = "same_id"
    destroy_data: Literal["empty", "null"] = "empty"
    hub_address: bool = Field(False, description="whether hub_pending orders carry addresses")

    webhook_timeout: float = Field(5.0, gt=0)
    webhook_retries: int = Field(3, ge=0)
    webhook_backoff: float = Field(1.0, ge=0)
    webhook_concurrency: int = Field(1, ge=1, le=64)
    webhook_mode: Literal["live", "test"] = "live"
    webhooks_for_api_changes: bool = False
    product_events: bool = Field(False, description="whether changes made on the site send Product events")
