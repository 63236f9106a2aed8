"""${{ values.name }}: answers requests."""

from http.server import BaseHTTPRequestHandler, HTTPServer

PORT = ${{ values.port }}
{%- if values.engine %}
DATABASE = "${{ values.engine }}"
{%- endif %}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        # the health check of the platform asks here
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from ${{ values.name }}\n")


if __name__ == "__main__":
    HTTPServer(("", PORT), Handler).serve_forever()
