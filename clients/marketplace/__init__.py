"""Marketplaces behind one interface, one file each; `adapters` is all there are."""

from __future__ import annotations

from clients.marketplace.adapter import Marketplace
from clients.marketplace.amazon import Amazon
from clients.marketplace.etsy import Etsy
from clients.marketplace.shopify import Shopify
from clients.marketplace.validating import Account, Validation

__all__ = ["Account", "Marketplace", "Validation", "adapters"]


def adapters(validation: Validation) -> dict[str, Marketplace]:
    """By the name that stores are registered with."""
    every: tuple[Marketplace, ...] = (Etsy(validation), Shopify(validation), Amazon(validation))
    return {adapter.name: adapter for adapter in every}
