# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of Flink that counts requests and keeps those that change something."""

import http.client
import http.server
import json
import threading
import time
import urllib.parse

TIMEOUT = 30
SKIPPED = ("connection", "keep-alive", "transfer-encoding", "host", "content-length")


class Proxy:
    """Listens on a free port of the loopback interface until closed."""

    def __init__(self, target):
        self.target = urllib.parse.urlsplit(target)
        self.requests = 0
        self.changes = []
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def note(self, method, path, body):
        with self._lock:
            self.requests += 1
            if method != "GET":
                self.changes.append({"at_ms": time.time_ns() // 1_000_000, "method": method, "path": path, "body": _decoded(body)})

    def _handler(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._pass_on()

            do_PUT = do_POST = do_PATCH = do_DELETE = do_GET

            def _pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.note(self.command, self.path, body)
                try:
                    status, headers, answer = proxy.ask(self.command, self.path, body, self.headers)
                except OSError as error:
                    status, headers, answer = 502, {}, str(error).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        return Handler

    def ask(self, method, path, body, headers):
        """One request to Flink."""
        connection = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=TIMEOUT)
        try:
            passed = {name: value for name, value in headers.items() if name.lower() not in SKIPPED}
            connection.request(method, self.target.path.rstrip("/") + path, body or None, passed)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in SKIPPED}
            return answer.status, kept, answer.read()
        finally:
            connection.close()


def _decoded(body):
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
