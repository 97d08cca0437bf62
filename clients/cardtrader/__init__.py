"""CardTrader Full API v2: one client per account token, all of them under the shared limit and breaker."""

from __future__ import annotations

from clients.cardtrader.client import CardTrader, CardTraderClient, clean_token, new_http_client
from clients.cardtrader.export import ExportFile
from clients.cardtrader.models import AppInfo, Expansion, Job, JobResult

__all__ = [
    "AppInfo",
    "CardTrader",
    "CardTraderClient",
    "Expansion",
    "ExportFile",
    "Job",
    "JobResult",
    "clean_token",
    "new_http_client",
]
