"""Connections to one place by HTTP, kept open: what requests would work out anew for each request is worked out once.

That is what it makes of the URL, of a session's settings and of the environment (proxies, certificates, .netrc), and
for a small question it takes several times as long as all else.
"""

from functools import cached_property
from typing import Any

import requests
from urllib3 import BaseHTTPResponse

__all__ = ["Connections"]


class Connections:
    """What `session` would say to `url`, a little faster. Only for http and https."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.url, self._session = url, session
        self.by_session = False
        """Once the other side has set a cookie, which only the session would show: what is before several servers."""

    def ask(
        self, method: str, body: bytes | None = None, *, query: str = "", timeout_seconds: float
    ) -> BaseHTTPResponse:
        """An answer, read to its end, whatever its status; one that leads elsewhere is not followed.

        `query` begins with a question mark. Raises urllib3's HTTPError, or a RequestException for a URL that is none.
        """
        pool, target, headers = self._opened
        answer: BaseHTTPResponse = pool.urlopen(
            method,
            target + query,
            body=body,
            headers=headers,
            timeout=timeout_seconds,
            redirect=False,
            retries=False,
            assert_same_host=False,  # a proxy is given the whole URL
        )
        self.by_session = self.by_session or "Set-Cookie" in answer.headers
        return answer

    def close(self) -> None:
        """Ends what is open; the next question opens it anew. A session that is closed does not end these."""
        if (opened := self.__dict__.pop("_opened", None)) is not None:
            opened[0].close()

    @cached_property
    def _opened(self) -> tuple[Any, str, dict[str, str]]:
        """Connections, what is asked for on them, and with what headers."""
        session = self._session
        asked = session.prepare_request(requests.Request("POST", self.url))
        found = session.merge_environment_settings(asked.url, {}, False, None, None)
        adapter: Any = session.get_adapter(self.url)
        verify, cert, proxies = found["verify"], found["cert"], found["proxies"]
        pool = adapter.get_connection_with_tls_context(asked, verify, proxies=proxies, cert=cert)
        adapter.cert_verify(pool, asked.url, verify, cert)
        headers = {name: value for name, value in asked.headers.items() if name != "Content-Length"}
        return pool, adapter.request_url(asked, proxies), headers
