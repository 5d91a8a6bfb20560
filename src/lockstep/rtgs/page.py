"""The operator's page: three static files. What it shows it asks of the JSON door, with the operator's key.

It runs without any other host: its own policy forbids the browser to load, send or run anything that is not
from here, so neither a hostile name nor a message's XML can become script.
"""

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


def page_routes() -> "list[Route]":
    """GET / and what it needs."""
    from starlette.responses import Response
    from starlette.routing import Route

    def serving(path: str, name: str, media_type: str) -> "Route":
        content = files("lockstep.rtgs").joinpath("static", name).read_bytes()

        async def endpoint(_request: "Request") -> "Response":
            return Response(content, media_type=media_type, headers=HEADERS)

        return Route(path, endpoint, methods=["GET"])

    return [serving(path, name, media_type) for path, (name, media_type) in _FILES.items()]
