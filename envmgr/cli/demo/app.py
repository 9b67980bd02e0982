"""The demo's web application: the page that Terraform made for the environment, with the shop's news on it."""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

NEWS = "The shop opens soon."


class Shop(BaseHTTPRequestHandler):
    """Answers every GET with the one page."""

    def do_GET(self) -> None:
        """Send the page as it stands in the environment's folder, and the news."""
        page = Path(sys.argv[1], "index.html").read_text(encoding="utf-8")
        body = page.replace("</main>", f"<p>{NEWS}</p>\n</main>").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    url = urlsplit(os.environ["ENVMGR_OUTPUT_URL"])
    with ThreadingHTTPServer((url.hostname or "", url.port or 0), Shop) as server:
        server.timeout = 0.05
        while Path(sys.argv[1], "serve").exists():
            server.handle_request()
