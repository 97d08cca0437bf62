"""CardTrader Full API v2: one client per account token, all of them under the shared limit and breaker."""

from __future__ import annotations

from clients.cardtrader.answers import Resource
from clients.cardtrader.bulk import ItemResult, Job
from clients.cardtrader.changes import NewProduct, ProductChanges
from clients.cardtrader.client import CardTrader, CardTraderClient
from clients.cardtrader.export import ExportFile
from clients.cardtrader.models import AppInfo, Expansion
from clients.cardtrader.orders import Order, OrderItem
from clients.cardtrader.products import Gone
from clients.cardtrader.remarks import Remark
from clients.cardtrader.tokens import clean_token
from clients.cardtrader.transport import new_http_client

__all__ = [
    "AppInfo",
    "CardTrader",
    "CardTraderClient",
    "Expansion",
    "ExportFile",
    "Gone",
    "ItemResult",
    "Job",
    "NewProduct",
    "Order",
    "OrderItem",
    "ProductChanges",
    "Remark",
    "Resource",
    "clean_token",
    "new_http_client",
]
