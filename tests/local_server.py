"""A server on 127.0.0.1 that breaks off, lies, or sends other bytes."""

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

DATA = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves server.body; the first server.breaks answers stop after 100,000 bytes."""

    def do_GET(self):
        s = self.server
        asked = self.headers.get("Range")
        s.log.append(asked)
        if s.status != 200:
            return self.send_error(s.status)
        if s.redirect:
            self.send_response(302)
            self.send_header("Location", s.redirect)
            return self.end_headers()
        start = 0
        if asked and s.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(s.body):
                return self.send_error(416)
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start + s.shift}-{len(s.body) - 1}/{len(s.body)}"
            )
        else:
            self.send_response(200)
        content = s.body[start:]
        if s.announce:
            self.send_header("Content-Length", str(len(content) + s.lie))
        self.end_headers()
        if s.breaks:
            s.breaks -= 1
            content = content[:100_000]
        self.wfile.write(content)
        while s.endless:
            try:
                self.wfile.write(content)
            except OSError:
                break
        return None

    def log_message(self, *args):
        pass


@contextmanager
def serving():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.body, http.log, http.status, http.breaks, http.lie, http.shift = DATA, [], 200, 0, 0, 0
    http.redirect, http.endless = "", False
    http.ranges, http.announce = True, True
    http.url = f"http://127.0.0.1:{http.server_address[1]}/set.tar.gz"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield http
    http.shutdown()
    http.server_close()
    thread.join()
