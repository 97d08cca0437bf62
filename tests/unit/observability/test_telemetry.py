"""A process without an endpoint loads nothing of tracing; a worker's page is served; the SDK's lines are ours."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from opentelemetry.trace import SpanKind

from devstack.ports import free_port
from observability import Metrics, Telemetry, configure_logging
from observability.serving import serving_metrics

ROOT = Path(__file__).resolve().parents[3]
OF_TRACING = (
    *("opentelemetry.sdk.trace", "opentelemetry.instrumentation", "opentelemetry.exporter.otlp"),
    "temporalio.contrib.opentelemetry",
)
_PROBE = f"""
import sys
import time
import process
from observability import Telemetry
Telemetry.of("test").interceptors()
print([name for name in sys.modules if name.startswith({OF_TRACING!r})])
"""


def test_nothing_of_tracing_is_loaded_without_an_endpoint() -> None:
    done = subprocess.run([sys.executable, "-c", _PROBE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nobody_else_loads_it_with_a_module() -> None:
    modules = [
        path
        for folder in ("activities", "api", "clients", "db", "workflows")
        for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    loading = {
        path.relative_to(ROOT).as_posix()
        for path in (*modules, *ROOT.glob("*.py"), *ROOT.glob("observability/*.py"))
        if any(f"\n{word} {name}" in path.read_text() for name in OF_TRACING for word in ("from", "import"))
    }
    assert loading == {"observability/careful.py", "observability/traces.py"}


def test_a_page_has_what_others_render_too() -> None:
    metrics, port = Metrics.create("test"), free_port()
    metrics.meter.create_counter("brx_sync_things").add(1)
    metrics.others.append(lambda: b"temporal_things 1\n")
    with serving_metrics(metrics, f"127.0.0.1:{port}"):
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
    assert answer.headers["Content-Type"] == metrics.content_type
    assert {"brx_sync_things_total 1.0", "temporal_things 1"} <= set(answer.text.splitlines())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")
    metrics.shutdown()


def test_no_address_no_page() -> None:
    telemetry = Telemetry.of("test")
    with telemetry.served(""):
        telemetry.metrics.meter.create_counter("brx_sync_things").add(1)


def test_lines_of_the_sdk_name_their_workflow_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    fields = {"run_id": "r", "workflow_id": "w", "failure": "sésame-4711"}
    logging.getLogger("temporalio.core").warning("Failing", extra={"temporal_log": SimpleNamespace(fields=fields)})
    ids = {"workflow_id": "w", "workflow_type": "T", "namespace": "default"}
    logging.getLogger("temporalio.workflow").warning("odd", extra={"temporal_workflow": ids})
    configure_logging("WARNING", "json")
    core, workflow = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (core["event"], core["run_id"], core["workflow_id"]) == ("Failing", "r", "w")
    assert "sésame" not in json.dumps(core, ensure_ascii=False)
    assert (workflow["workflow_id"], workflow["workflow_type"]) == ("w", "T")


def test_a_collector_that_is_away_does_not_keep_a_process_from_ending() -> None:
    telemetry = Telemetry.of("test", f"http://127.0.0.1:{free_port()}")
    assert telemetry.tracing is not None
    with telemetry.tracing.provider.get_tracer("test").start_as_current_span("x", kind=SpanKind.SERVER):
        pass
    began = time.monotonic()
    telemetry.close()
    assert time.monotonic() - began < 10
