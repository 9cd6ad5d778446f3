"""Traces are exported where an endpoint is set; tests/scenarios/test_tracing shows one from hook to ERP."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from tools.ports import free_port

TRACE_ONCE = """
import sys
from runtime import telemetry
from opentelemetry import trace
with telemetry.exporting("pegline-test", sys.argv[1] or None):
    with trace.get_tracer("test").start_as_current_span("hook"):
        pass
"""


def test_traces_are_sent_to_the_endpoint_and_nowhere_without_one() -> None:
    received: list[str] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", free_port()), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        host, port = collector.server_address[:2]
        for endpoint in ("", f"http://{host!s}:{port}/"):
            # A process of its own: the tracer provider is set once for a whole process.
            subprocess.run((sys.executable, "-c", TRACE_ONCE, endpoint), check=True, timeout=60)
        collector.shutdown()
    assert received == ["/v1/traces"]
