"""The generated stock: the same for the same seed, realistic, and every row valid JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from devstack.simulators.cardtrader.export import BlockStore
from devstack.simulators.cardtrader.generator import generate
from devstack.simulators.cardtrader.rows import Owner, render
from devstack.simulators.cardtrader.seller import SellerSpec, open_seller
from devstack.simulators.cardtrader.stock import BLOCK, Stock

_OWNER = Owner(88123, "EUR")


def _json(size: int, seed: int) -> str:
    return "[" + ",".join(render(generate(size, seed, 420_000_000), _OWNER, {})) + "]"


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    assert _json(500, 1) == _json(500, 1) != _json(500, 2)


def test_rows_show_the_quirks_of_the_reference() -> None:
    rows = json.loads(_json(20_000, 7))

    assert len({row["id"] for row in rows}) == 20_000
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert {type(row["description"]) for row in rows} == {str, type(None)}
    assert {False, None, "9.5"} <= {row["graded"] for row in rows}
    assert {1, 4, 5, 15} <= {row["game_id"] for row in rows}
    assert any("expansion" not in row for row in rows)
    assert any(row.get("expansion", 0) is None for row in rows)
    assert any(not row["name_en"].isascii() for row in rows)
    assert {"jp", "kr", "zh-CN"} <= {row["properties_hash"].get("mtg_language") for row in rows}
    assert all(row["bundled_quantity"] == row["quantity"] * row["bundle_size"] for row in rows)
    assert all(1 <= row["quantity"] <= 20 and row["price_cents"] > 0 for row in rows)


def test_a_blueprint_has_about_ten_different_products_spread_over_the_export() -> None:
    columns = generate(50_000, 3, 420_000_000)
    counts = Counter(columns.blueprint.tolist())
    keys = np.column_stack([columns.blueprint, columns.properties[:, :3]])

    assert set(counts) == set(range(1, 5001))
    assert max(counts.values()) <= 20
    assert len(np.unique(keys, axis=0)) == 50_000
    assert abs(np.corrcoef(columns.blueprint, columns.id)[0, 1]) < 0.05


@pytest.mark.parametrize("size", [0, 1, 3, 17])
def test_tiny_stocks(size: int) -> None:
    assert len(json.loads(_json(size, 1))) == size


def test_a_change_renders_its_own_block_only() -> None:
    stock = Stock(generate(3 * BLOCK, 1, 420_000_000))
    store = BlockStore(stock, _OWNER)
    assert store.prepare() == 3
    assert store.prepare() == 0

    stock.set_quantity(BLOCK + 1, 0)
    assert store.prepare() == 1
    assert sum(len(store.rows(number)) for number in range(3)) == 3 * BLOCK - 1


def test_the_cache_gives_the_same_blocks_back(tmp_path: Path) -> None:
    spec = SellerSpec(0, 12_000, 5, "token")
    fresh, cached = open_seller(spec, tmp_path), open_seller(spec, tmp_path)

    assert [piece.raw for piece in fresh.store.pieces()] == [piece.raw for piece in cached.store.pieces()]
    assert len(list(tmp_path.glob("*.blocks"))) == 1


def test_a_cut_cache_file_is_not_used(tmp_path: Path) -> None:
    spec = SellerSpec(0, 6_000, 5, "token")
    expected = [piece.raw for piece in open_seller(spec, tmp_path).store.pieces()]
    path = tmp_path / spec.cache_name
    path.write_bytes(path.read_bytes()[:-10])
    again = open_seller(spec, tmp_path)

    assert [piece.raw for piece in again.store.pieces()] == expected


def test_bulk_change_touches_exactly_the_fractions() -> None:
    stock = Stock(generate(20_000, 1, 420_000_000))
    before = {row["id"]: row for row in stock.truth()}

    assert stock.change_many(seed=4, fraction_changed=0.01, fraction_gone=0.001) == (200, 20)
    after = {row["id"]: row for row in stock.truth()}

    assert len(before) - len(after) == 20
    changed = [key for key, row in after.items() if row != before[key]]
    assert len(changed) == 200
    assert all(after[key]["quantity"] != before[key]["quantity"] for key in changed)
