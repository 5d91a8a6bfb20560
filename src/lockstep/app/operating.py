"""The RTGS operator's functions over its door: what an operations script does by HTTP."""

from collections.abc import Mapping
from typing import Any

import requests

from lockstep.app.home import EMBEDDED, Home
from lockstep.domain.errors import Misconfigured, Refused, Unavailable

__all__ = ["operate_rtgs"]

TIMEOUT_SECONDS = 15


def operate_rtgs(
    home: Home, act: str, parameters: dict[str, Any] | None = None, query: Mapping[str, str | None] | None = None
) -> Any:
    """One act (see `lockstep.rtgs.door_operator`): with parameters a POST, without a GET by its `query`.

    Raises Refused with the RTGS's field, value and rule, Unavailable without an answer.
    """
    if home.settings().rpc == EMBEDDED:
        raise Misconfigured(
            "this installation's RTGS lives inside the one process of `lockstep up`: it has no door for its operator"
        )
    url = f"{home.settings().rtgs_http_url.rstrip('/')}/operator/{act}"
    headers = {"Authorization": f"Bearer {home.rtgs_key('operator')}"}
    certificates = home.rtgs_certificates() if url.startswith("https://") else None
    try:
        with requests.Session() as session:
            session.trust_env = False  # the operator's key is for the RTGS, not for a proxy
            if certificates is not None:
                session.verify = str(certificates.authority)
                session.cert = (str(certificates.certificate), str(certificates.key))
            method = "GET" if parameters is None else "POST"
            answer = session.request(
                method,
                url,
                headers=headers,
                json=parameters,
                params=dict(query or {}),
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            content = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise Unavailable(f"the RTGS does not answer at {url}: {error}") from error
    if answer.status_code >= 500:
        raise Unavailable(f"the RTGS does not answer at {url}, but with status {answer.status_code}")
    if answer.status_code >= 400:
        raise Refused("RtgsRefused", content)
    return content
