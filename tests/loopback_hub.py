"""A hub of one repository on the loopback interface, as far as downloading goes."""

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

#: Files of at least so many bytes are large ones, stored by their SHA-256.
LARGE = 1000


@contextmanager
def serve_hub(repository, commit, files, *, gated=False):
    """Serve ``files`` (name → bytes); yields ``url`` and the ``asked`` paths.

    Change ``files`` to change what is served; ``broken`` names one to serve with a flipped byte.
    """
    hub = SimpleNamespace(
        repository=repository, commit=commit, files=files, gated=gated, asked=[], broken=None
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.hub = hub
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def log_message(self, *_):
        pass

    def _answer(self, *, body):
        path, hub = unquote(urlsplit(self.path).path), self.server.hub
        hub.asked.append((self.command, path))
        api = f"/api/models/{hub.repository}"
        if path == "/":
            self._send(b"", body=body)
        elif hub.gated:
            self._send(b"no", status=403, body=body, headers={"X-Error-Code": "GatedRepo"})
        elif path == f"{api}/revision/main":
            about = {"id": hub.repository, "modelId": hub.repository, "sha": hub.commit}
            self._send(json.dumps(about).encode(), body=body)
        elif path == f"{api}/tree/{hub.commit}":
            tree = [_entry(name, content) for name, content in hub.files.items()]
            self._send(json.dumps(tree).encode(), body=body)
        else:
            self._file(path.removeprefix(f"/{hub.repository}/resolve/{hub.commit}/"), body)

    def _file(self, name, body):
        hub = self.server.hub
        content = hub.files.get(name)
        if content is None:
            self._send(b"", status=404, headers={"X-Error-Code": "EntryNotFound"}, body=body)
            return
        headers = {"X-Repo-Commit": hub.commit, "ETag": f'"{_etag(content)}"'}
        if name == hub.broken:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self._send(content, headers=headers, body=body)

    def _send(self, content, *, status=200, headers=None, body):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


def _entry(name, content):
    entry = {"type": "file", "path": name, "size": len(content), "oid": _git_hash(content)}
    if len(content) >= LARGE:
        entry["lfs"] = {"oid": _etag(content), "size": len(content), "pointerSize": 130}
    return entry


def _etag(content):
    return hashlib.sha256(content).hexdigest() if len(content) >= LARGE else _git_hash(content)


def _git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
