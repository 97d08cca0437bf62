"""The entities of the generated ERP, as a data team would define them, and what the hub must hold of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DemoEntity:
    """One entity. `texts` and the like are declared source fields; `parents` the child's field by parent's table."""

    name: str
    key: tuple[str, ...]
    types: Mapping[str, str]
    parents: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    mappings: tuple[Mapping[str, Any], ...] = ()
    expect: Callable[[Row], Row] = dict

    def body(self) -> dict[str, Any]:
        """What `POST /entities` is sent."""
        refs = {
            ref: {"parent_entity": entity, "parent_field": key, "child_field": key}
            for ref, (entity, key) in self.parents.items()
        }
        return {
            "entity_name": self.name,
            "connector_api_slug": self.name,
            "business_key_fields": list(self.key),
            "field_mappings": list(self.mappings),
            "parent_refs_config": refs,
            "fields": [{"name": name, "type": type_} for name, type_ in self.types.items()],
            "options": {"rowversion": {"field": "rowversion", "kind": "integer"}},
        }


def _item(row: Row) -> Row:
    told = {name: value for name, value in row.items() if name != "description"}
    changed_at = row["changed_at"].replace(" ", "T")
    unit = row["unit"].upper()
    return told | {
        "title": row["description"],
        "weight": Decimal(row["weight"]),
        "changed_at": changed_at,
        "unit": unit,
    }


def _order(row: Row) -> Row:
    return row | {"ordered_at": row["ordered_at"].replace(" ", "T")}


ITEMS: Final = DemoEntity(
    "items",
    ("item_number",),
    {
        "item_number": "VARCHAR2",
        "site_code": "VARCHAR2",
        "description": "VARCHAR2",
        "unit": "CHAR",
        "remark": "CLOB",
        "quantity": "NUMBER",
        "price": "NUMBER",
        "weight": "NUMBER",
        "active": "BOOLEAN",
        "created_on": "DATE",
        "changed_at": "TIMESTAMP",
    },
    {"site": ("sites", "site_code")},
    (
        {
            "source_field": "description",
            "target_field": "title",
            "is_required": True,
            "validation_rule": [{"type": "length", "low": 1, "high": 200}],
        },
        {"source_field": "quantity", "target_field": "quantity", "validation_rule": [{"type": "min", "value": 0}]},
        {"source_field": "unit", "target_field": "unit", "transformation": "uppercase"},
    ),
    _item,
)
SITES: Final = DemoEntity("sites", ("site_code",), {"site_code": "VARCHAR2", "name": "VARCHAR2"})
ORDERS: Final = DemoEntity(
    "orders",
    ("order_number",),
    {"order_number": "VARCHAR2", "total": "NUMBER", "ordered_at": "TIMESTAMP"},
    {"site": ("sites", "site_code")},
    (),
    _order,
)
ORDER_LINES: Final = DemoEntity(
    "order_lines",
    ("order_number", "line_number"),
    {"order_number": "VARCHAR2", "line_number": "INTEGER", "price": "NUMBER"},
    {"order": ("orders", "order_number"), "item": ("items", "item_number")},
)
# Items before their sites: they wait, and come when the sites have come.
IN_ORDER: Final = (ITEMS, SITES, ORDERS, ORDER_LINES)
