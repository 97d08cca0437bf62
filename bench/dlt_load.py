"""`dlt_load.py dicts|arrow ERP_URL DATABASE_URL STATE_DIR`, run by `bench/peer.py` in dlt's own environment.

Loads the ERP's items as the bridge reads them (pages of 10,000 by key) with dlt's upsert merge, by dlt's defaults for
dicts, or as Arrow tables. The token is read from standard input; the last line printed is a JSON object.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dlt
import orjson
import pyarrow as pa
import pyarrow.json as pa_json
import requests

PAGE = 10_000
_FIRST = b'{"item_number":'
SCHEMA = pa.schema(
    [
        ("item_number", pa.string()),
        ("site_code", pa.string()),
        ("description", pa.string()),
        ("unit", pa.string()),
        ("remark", pa.string()),
        ("quantity", pa.int64()),
        ("price", pa.float64()),
        ("weight", pa.string()),
        ("active", pa.bool_()),
        ("created_on", pa.string()),
        ("changed_at", pa.string()),
        ("rowversion", pa.int64()),
    ]
)


def answers(erp_url: str, token: str) -> Iterator[bytes]:
    """The rows of the ERP's items by key: the members of a JSON array, page by page."""
    session, last = requests.Session(), ""
    session.headers["Authorization"] = f"Bearer {token}"
    while True:
        after = [{"field": "item_number", "operator": ">", "value": last}] if last else []
        asked: dict[str, Any] = {
            "page": 1,
            "page_size": PAGE,
            "filters": after,
            "sort": {"field": "item_number", "direction": "asc"},
        }
        answer = session.post(f"{erp_url}/api/v1/runtime/items/execute", json=asked, timeout=60)
        answer.raise_for_status()
        body = answer.content
        rows = body[body.index(b"[") + 1 : body.rindex(b"]")]
        if rows:
            yield rows
        if rows.count(_FIRST) < PAGE:
            return
        last = orjson.loads(rows[rows.rindex(_FIRST) :])["item_number"]


def pages(erp_url: str, token: str) -> Iterator[list[dict[str, Any]]]:
    """Decoded."""
    for rows in answers(erp_url, token):
        yield orjson.loads(b"[" + rows + b"]")


def tables(erp_url: str, token: str) -> Iterator[pa.Table]:
    """As Arrow tables, straight from the bytes: what Arrow is faster by shall not be lost before."""
    options = pa_json.ParseOptions(explicit_schema=SCHEMA)
    for rows in answers(erp_url, token):
        lines = rows.replace(b"}," + _FIRST, b"}\n" + _FIRST)
        yield pa_json.read_json(io.BytesIO(lines), parse_options=options)


def with_password(url: str) -> str:
    """dlt wants one, also where the server trusts its callers."""
    parts = urlsplit(url)
    if parts.password is not None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:none@{parts.hostname}:{parts.port}"))


def main() -> None:
    """Load."""
    form, erp_url, database_url, state = sys.argv[1:]
    token = sys.stdin.read().strip()
    make = {"dicts": pages, "arrow": tables}[form]
    began = time.perf_counter()
    pipeline = dlt.pipeline(
        f"peer_{form}",
        destination=dlt.destinations.postgres(with_password(database_url)),
        dataset_name=f"dlt_{form}",
        pipelines_dir=state,
    )
    resource = dlt.resource(
        make(erp_url, token),
        name="items",
        primary_key="item_number",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        columns={"changed_at": {"data_type": "text"}, "created_on": {"data_type": "text"}},
    )
    pipeline.run(resource)
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    main()
