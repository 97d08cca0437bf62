"""What a merged chunk leaves behind: nothing large may wait for the collector of reference cycles."""

from __future__ import annotations

import gc
import tracemalloc

from tests.helpers.stock import Stock, product

_ROWS = 2_000
_STREAM_BYTES = 100 * _ROWS


async def test_a_chunk_is_freed_when_it_is_merged(stock: Stock) -> None:
    operation_id, _ = await stock.stage([product(number) for number in range(1, _ROWS + 1)], size=_ROWS)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        assert (await stock.apply(operation_id)).created == _ROWS
        before, _ = tracemalloc.get_traced_memory()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert before - after < _STREAM_BYTES
