"""A served RTGS for tests of its HTTP door."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from rtgs_world import World

from lockstep.rtgs import door

OPERATOR_KEY = "operator-secret-key"


@contextmanager
def served(world: World) -> Iterator[str]:
    """The URL of its HTTP door, in a thread of its own."""
    with door.listen() as listening:
        server = door.server(world.rtgs, OPERATOR_KEY)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield "http://{}:{}".format(*listening.getsockname())
        finally:
            server.should_exit = True
            thread.join(5)
        assert not thread.is_alive()


def get(url: str, key: str | None = OPERATOR_KEY, **query: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return session.get(url, headers=headers, params=query, timeout=5)


def post(url: str, **members: object) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, json=members, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}, timeout=5)
