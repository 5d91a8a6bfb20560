"""The HTTP door under mutual TLS: no certificate of the authority, no conversation."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from cash_venues import NOW, RTGS, SERVICE, pem, secret

from lockstep.cash import Certificates, HttpCashSystem, http
from lockstep.domain.errors import Misconfigured, Unavailable
from lockstep.rtgs import Role, Rtgs, door
from lockstep.testing.fakes import FakeClock

System = Callable[[Certificates | None], HttpCashSystem]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def root(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


@pytest.fixture
def connect(authority: trustme.CA, root: Path, tmp_path: Path) -> Iterator[System]:
    rtgs = Rtgs(f"sqlite:///{tmp_path}/rtgs.db", FakeClock(NOW), bic=RTGS)
    rtgs.operator.register_party(SERVICE, Role.INSTRUCTING, secret(SERVICE))
    certificate, key = pem(tmp_path, authority, "127.0.0.1")
    tls = door.Tls(certificate=certificate, key=key, callers_authority=root)
    opened: list[HttpCashSystem] = []
    with door.listen() as listening:
        port = listening.getsockname()[1]
        server = door.server(rtgs, tls=tls)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()

        def system(certificates: Certificates | None) -> HttpCashSystem:
            url = f"https://127.0.0.1:{port}"
            opened.append(HttpCashSystem(url, SERVICE, secret(SERVICE), 5, certificates))
            return opened[-1]

        yield system
        for one in opened:
            one.close()
        server.should_exit = True
        thread.join(5)
        assert not thread.is_alive()
    rtgs.close()


def test_both_sides_show_certificates(connect: System, authority: trustme.CA, root: Path, tmp_path: Path) -> None:
    certificate, key = pem(tmp_path, authority, "service.example")
    system = connect(Certificates(certificate=certificate, key=key, authority=root))
    system.check_trust()
    assert system.receive(0) == []


def test_a_caller_of_another_authority_gets_nowhere(connect: System, root: Path, tmp_path: Path) -> None:
    certificate, key = pem(tmp_path, trustme.CA(), "stranger.example")
    with pytest.raises(Unavailable):
        connect(Certificates(certificate=certificate, key=key, authority=root)).receive(0)


def test_a_caller_does_not_speak_to_somebody_elses_server(
    connect: System, authority: trustme.CA, tmp_path: Path
) -> None:
    certificate, key = pem(tmp_path, authority, "service.example")
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    with pytest.raises(Unavailable):
        connect(Certificates(certificate=certificate, key=key, authority=tmp_path / "another.pem")).receive(0)


def test_a_caller_without_a_certificate_gets_nowhere(connect: System) -> None:
    with pytest.raises(Unavailable):
        connect(None).receive(0)


def test_whose_certificate_is_wrong_is_told(
    connect: System, authority: trustme.CA, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, and not as a silence for ever."""
    monkeypatch.setattr(http, "PAUSE_SECONDS", 0)
    ours, strangers = pem(tmp_path, authority, "service.example"), pem(tmp_path, trustme.CA(), "stranger.example")
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    for certificate, key, trusted, said in (
        (*strangers, root, f"'{strangers[0]}' breaks the rule: a certificate that the RTGS trusts, with its key"),
        (*ours, tmp_path / "another.pem", "certificates do not fit: .*CERTIFICATE_VERIFY_FAILED"),
        (ours[0], strangers[1], root, "certificates do not fit: .*KEY_VALUES_MISMATCH"),
    ):
        with pytest.raises(Misconfigured, match=said):
            connect(Certificates(certificate=certificate, key=key, authority=trusted)).check_trust()


def test_an_rtgs_that_is_not_there_yet_is_no_fault(root: Path, tmp_path: Path, authority: trustme.CA) -> None:
    certificate, key = pem(tmp_path, authority, "service.example")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        shown = Certificates(certificate=certificate, key=key, authority=root)
        system = HttpCashSystem(url, SERVICE, secret(SERVICE), 0.05, shown)
        system.check_trust()
    system.check_trust()
    system.close()
