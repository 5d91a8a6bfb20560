"""A small day whose banks exchange files: RTGS, agents and service as processes over a directory drop, and the
operator's commands beside them."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
import requests
import trustme

from lockstep.app import home as home_module
from lockstep.app.home import Home, Settings
from lockstep.app.installing import found
from lockstep.domain.errors import Misconfigured
from lockstep.domain.statement import Statement
from lockstep.iso20022 import read

from .running import EVERYBODY, Forks, Installation, free_port, wait_until
from .story import Writer, seller_reference


class DropInstallation(Installation):
    """Service and agents reach the RTGS by files alone; its operator by HTTP."""

    def __init__(self, root: Path, market: Path, rpc: str, forks: Forks) -> None:
        self.home, self.forks, self.rpc, self.logs = Home(root / "home"), forks, rpc, root
        self.drop, self.desk = root / "the drop", f"http://127.0.0.1:{free_port()}"
        quick = partial(home_module.write_keystore, iterations=1000)
        with mock.patch.object(home_module, "write_keystore", quick):
            self.market = found(self.home, market, rpc, rtgs_url=self.drop.as_uri(), rtgs_operator_url=self.desk)
        self.running, self._database = {}, None


@pytest.fixture(scope="module")
def day(
    chain: str, forks: Forks, small_market: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DropInstallation]:
    made = DropInstallation(tmp_path_factory.mktemp("drop"), small_market, chain, forks)
    yield made
    made.close()


def messages_in(data: bytes) -> list[bytes]:
    """Of a file of many each, as a document of its own."""
    head, *payloads = data.split(b"<Pyld>")
    first = head.partition(b"<Xchg")[0]
    return [b"%b%b\n" % (first, one.partition(b"</Pyld>")[0]) for one in payloads] or [data]


def test_a_day_by_files(day: DropInstallation, tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    day.start(*EVERYBODY)
    assert day.submit(*writer.trade(1, "100000.00"), *writer.trade(2, "9000000.00"))[0] == 0
    day.attend(lambda: day.shows({seller_reference(1): "SETTLED", seller_reference(2): "LOCKED"}), {}, 40, "it settles")

    accounts = {one["number"]: one for one in day.json("rtgs", "accounts")["accounts"]}
    queue = day.json("rtgs", "queue")
    (queued,) = queue["queues"]
    assert (queued["waiting"], queued["value"], queue["held"]["held"]) == (1, "9000000.00", 0)
    (waiting,) = queued["payments"]
    assert waiting["debtor_account"] in accounts and waiting["reason"].startswith("AM04 ")
    payments = day.json("rtgs", "payments")
    assert payments["counts"] == {"BOOKED": 1, "PENDING": 1}
    (booked,) = day.json("rtgs", "payments", "--state", "booked")["payments"]
    assert (booked["amount"], booked["state"]) == ("100000.00", "BOOKED")
    assert day.json("rtgs", "queue", booked["creditor_account"])["queues"] == []

    party = day.market.service
    lines = day.json("rtgs", "messages", "--party", party, "--limit", "500")["messages"]
    sent = {one for path in (day.drop / party / "archive").iterdir() for one in messages_in(path.read_bytes())}
    assert len(sent) >= 2 and not list((day.drop / party / "error").iterdir())
    assert len([one for one in lines if one["direction"] == "in"]) == len(sent)
    newest = day.json("rtgs", "message", lines[-1]["reference"])
    assert newest["message"].encode() in sent
    assert len(list((day.drop / party / "out").iterdir())) == len([one for one in lines if one["direction"] == "out"])

    wide = {"COLUMNS": "240"}
    for command, words in (
        (("accounts",), (booked["debtor_account"], "available", "earmarked")),
        (("queue",), (waiting["uetr"], "9,000,000.00", "nothing is held")),
        (("payments",), (booked["uetr"], "1 BOOKED, 1 PENDING")),
        (("messages",), ("pacs.009.001.08", party, "ACSC")),
        (("day",), ("business day", "OPEN", "when the operator closes")),
        (("statement", booked["debtor_account"]), ("opening", "-100,000.00", "so far")),
        (("faults",), ("no misbehaviour is in force",)),
    ):
        code, shown = day.run("rtgs", *command, environment=wide)
        assert code == 0, (command, shown)
        assert not [word for word in words if word not in shown], shown

    stated = day.json("rtgs", "statement", booked["debtor_account"], "--write", str(tmp_path / "statements"))
    (written,) = stated["files"]
    statement = read(Path(written).read_bytes()).body
    assert isinstance(statement, Statement)
    assert (statement.opening.text(), statement.closing.text()) == (stated["opening"], stated["closing"])
    assert [one["amount"] for one in stated["entries"]][-1] == "-100000.00"

    plan = tmp_path / "plan.toml"
    plan.write_text('seed = 7\n\n[[rules]]\nkind = "delay"\nmessage = "camt.053"\nseconds = 1\n')
    told = day.json("rtgs", "faults", "--plan", str(plan), "--by", "a tester")
    assert (told["plan"]["seed"], told["plan"]["rules"][0]["kind"], told["set_by"]) == (7, "delay", "a tester")
    assert "delay" in day.run("rtgs", "faults", environment=wide)[1]
    assert day.json("rtgs", "faults", "--clear", "--by", "a tester")["plan"] is None

    page = requests.get(f"{day.desk}/", timeout=5)
    assert page.status_code == 200 and "RTGS desk" in page.text
    figures = requests.get(f"{day.desk}/metrics", timeout=5).text
    (taken,) = re.findall(r'^lockstep_rtgs_messages_in_total\{type="pacs.009"\} (\d+)', figures, re.MULTILINE)
    assert int(taken) >= 2, "the drop is measured too"  # each is sent again while its answer is awaited

    ended = day.json("rtgs", "day", "close")
    assert (ended["date"], ended["phase"], ended["last_closed"]) == (None, "CLOSED", "2026-11-23")
    ending = {seller_reference(1): "SETTLED", seller_reference(2): "RELEASED"}
    day.attend(lambda: day.shows(ending), {}, 30, "the end of the day")
    assert set(day.stop().values()) == {0}
    assert day.violations() == {}


def test_what_the_operator_may_not_say(day: DropInstallation, tmp_path: Path) -> None:
    day.start("rtgs")
    wait_until(lambda: day.run("rtgs", "accounts")[0] == 0, 20, "the RTGS answers")
    refused = {
        ("day", "open"): "'' breaks the rule: a value",
        ("day", "close", "now"): "'now' breaks the rule: no value",
        ("day", "advance", "soon"): "'soon' breaks the rule: a number of seconds, or with s, m, h or d",
        ("day", "open", "tomorrow"): "field=day, value=tomorrow",
        ("statement", "NONE"): "field=account, value=NONE",
        ("message", "in/0"): "field=reference, value=in/0",
        ("payments", "--state", "lost"): "field=state, value=lost",
        ("queue", "NONE"): "field=account, value=NONE",
        ("faults", "--plan", str(tmp_path / "none.toml")): "none.toml' breaks the rule: a file of UTF-8 text",
        ("serve", "--tls-key", str(tmp_path / "none.pem")): "--tls-certificate: '' breaks the rule: a PEM file",
    }
    for command, why in refused.items():
        code, said = day.run("rtgs", *command)
        assert (code, said.count("\n")) == (1, 1), said
        assert why in said
    plan = tmp_path / "plan.toml"
    plan.write_text('seed = 1\n\n[[rules]]\nkind = "gossip"\n')
    code, said = day.run("rtgs", "faults", "--plan", str(plan))
    assert code == 1 and "gossip" in said
    day.stop("rtgs")
    code, said = day.run("rtgs", "accounts")
    assert code == 1 and "the RTGS does not answer" in said


# --- which door


def settings(**urls: str) -> Settings:
    return Settings(rpc="http://127.0.0.1:8545", **urls)


def test_a_url_names_the_door() -> None:
    both = settings(rtgs_url="file:///srv/a%20drop", rtgs_operator_url="http://127.0.0.1:8020")
    assert (both.rtgs_drop, both.rtgs_http_url) == (Path("/srv/a drop"), "http://127.0.0.1:8020")
    alone = settings(rtgs_url="https://rtgs.example:8020")
    assert (alone.rtgs_drop, alone.rtgs_http_url) == (None, "https://rtgs.example:8020")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: settings(rtgs_url="file:///srv/drop").rtgs_http_url,
        lambda: settings(rtgs_url="file://elsewhere/srv/drop").rtgs_drop,
        lambda: settings(rtgs_url="ftp://rtgs.example").rtgs_http_url,
        lambda: settings(rtgs_url="http://a", rtgs_operator_url="file:///srv/drop").rtgs_http_url,
    ],
)
def test_a_url_that_names_no_door(ask: Callable[[], object]) -> None:
    with pytest.raises(Misconfigured, match=r"rtgs_(operator_)?url: '.*' breaks the rule: "):
        ask()


def test_certificates_are_all_there_or_refused(
    day: DropInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert day.home.rtgs_certificates() is None
    for name in ("own", "key", "ca"):
        (tmp_path / name).write_text("PEM")
    monkeypatch.setenv("LOCKSTEP_RTGS_CERTIFICATE", str(tmp_path / "own"))
    monkeypatch.setenv("LOCKSTEP_RTGS_CERTIFICATE_KEY", str(tmp_path / "key"))
    with pytest.raises(Misconfigured, match="rtgs_tls/authority"):
        day.home.rtgs_certificates()
    monkeypatch.setenv("LOCKSTEP_RTGS_AUTHORITY", str(tmp_path / "ca"))
    certificates = day.home.rtgs_certificates()
    assert certificates is not None and certificates.authority == tmp_path / "ca"


def test_a_database_that_is_not_there_is_told_without_its_password(day: DropInstallation) -> None:
    for url in (
        "postgresql+psycopg://lockstep:very-secret@127.0.0.1:1/none",
        "very-secret",
        "nosuch://a:very-secret@b/c",
    ):
        code, said = day.run("rtgs", "serve", environment={"LOCKSTEP_RTGS_DATABASE": url})
        assert code == 1 and said.count("\n") == 1, said
        assert "very-secret" not in said


class TlsInstallation(Installation):
    """Everybody reaches the RTGS by mutual TLS, with certificates that `network.json` names."""

    def __init__(self, root: Path, market: Path, rpc: str, forks: Forks) -> None:
        super().__init__(root, market, rpc, forks)
        network = self.home.root / "network.json"
        content = json.loads(network.read_text())
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.home.root / "ca.pem")
        self.certificate("rtgs", authority, "127.0.0.1")
        self.certificate("ours", authority, "lockstep.example")
        self.certificate("stranger", trustme.CA(), "lockstep.example")
        secured = content | {
            "rtgs_url": content["rtgs_url"].replace("http:", "https:"),
            "rtgs_tls": {"certificate": "ours.pem", "key": "ours.key", "authority": "ca.pem"},
        }
        network.write_text(json.dumps(secured))
        self.tls = [
            *("--tls-certificate", self.pem("rtgs.pem")),
            *("--tls-key", self.pem("rtgs.key")),
            *("--tls-callers-authority", self.pem("ca.pem")),
        ]

    def certificate(self, name: str, authority: trustme.CA, subject: str) -> None:
        issued = authority.issue_cert(subject)
        issued.cert_chain_pems[0].write_to_path(self.pem(f"{name}.pem"))
        issued.private_key_pem.write_to_path(self.pem(f"{name}.key"))

    def pem(self, name: str) -> str:
        return str(self.home.root / name)

    def arguments(self, role: str) -> list[str]:
        return super().arguments(role) + (self.tls if role == "rtgs" else [])


def test_a_trade_by_mutual_tls(
    chain: str, forks: Forks, small_market: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """RTGS, agents, service and operator, each by its certificate; who shows another is told so."""
    root = tmp_path_factory.mktemp("tls")
    day = TlsInstallation(root, small_market, chain, forks)
    url = day.home.settings().rtgs_url
    try:
        code, said = day.run("rtgs", "serve")
        assert code == 1 and "breaks the rule: http, or certificates for https" in said
        day.start(*EVERYBODY)
        wait_until(lambda: f"RTGS on {url}" in day.running["rtgs"].output.read_text(), 20, "it serves TLS")
        assert day.submit(*Writer(root / "messages").trade(1, "100000.00"))[0] == 0
        day.attend(lambda: day.shows({seller_reference(1): "SETTLED"}), {}, 40, "it settles")
        assert day.json("rtgs", "payments")["counts"] == {"BOOKED": 1}
        with pytest.raises(requests.ConnectionError):  # an SSLError, or cut off
            requests.get(url, verify=day.pem("ca.pem"), timeout=5)

        day.stop("service", "agent-4")
        stranger = {
            "LOCKSTEP_RTGS_CERTIFICATE": day.pem("stranger.pem"),
            "LOCKSTEP_RTGS_CERTIFICATE_KEY": day.pem("stranger.key"),
        }
        for role in ("service", "agent-4"):
            arguments = day.arguments(role)[: -len(day.place)]
            code, said = day.run(*arguments, environment=stranger)
            assert (code, said.count("\n")) == (1, 1), said
            assert f"'{day.pem('stranger.pem')}' breaks the rule: a certificate that the RTGS trusts" in said
        code, said = day.run("rtgs", "accounts", environment=stranger)
        assert code == 1 and f"the RTGS does not answer at {url}" in said
        assert set(day.stop().values()) == {0}
        assert day.violations() == {}
    finally:
        day.close()


def test_plain_http_beside_certificates_is_refused(day: DropInstallation, tmp_path: Path) -> None:
    (tmp_path / "any.pem").write_text("PEM")
    named = [("--tls-certificate", "any.pem"), ("--tls-key", "any.pem"), ("--tls-callers-authority", "any.pem")]
    tls = [part for name, file in named for part in (name, str(tmp_path / file))]
    code, said = day.run("rtgs", "serve", *tls)
    assert code == 1 and "breaks the rule: https, as there are certificates" in said


def test_network_json_says_which(day: DropInstallation) -> None:
    content = json.loads((day.home.root / "network.json").read_text())
    assert (content["rtgs_url"], content["rtgs_operator_url"]) == (day.drop.as_uri(), day.desk)
