"""A margin call by commands and messages, beside a service that is killed after every second durable step: valued,
called, disputed, met in cash and in bonds, returned on the way down; each euro and each bond once (I6)."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from lockstep.app.collateral import LocalCollateralWallets, open_collateral
from lockstep.chain.node import Node
from lockstep.chain.sender import Sender
from lockstep.domain.collateral.register import Agreement, AgreementId, AgreementMode, register_of
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_message import MarginCallRequest, MarginCallResponse
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.notice import Rejection
from lockstep.iso20022 import read, write
from lockstep.signing import agreement_id, valuers_epoch, valuers_hash
from lockstep.store import SqlTransactionLog, open_database

from .running import AGENTS, Installation, wait_until
from .story import market_of

GIVER, TAKER, ISIN = "FABLZZ2A", "UTOPZZ2A", "ZZ00EXB20314"
DYING = {"service": 2}


@pytest.fixture
def installation(installed: Callable[..., Installation], tmp_path: Path) -> Installation:
    path = tmp_path / "market.toml"
    path.write_text("collateral = true\n" + market_of((GIVER, TAKER), (ISIN,)))
    return installed(path)


class Desk:
    """Both parties' people, and two valuers."""

    TERMS: Mapping[str, Any] = MappingProxyType({})
    """Of the agreement, besides."""

    def __init__(self, one: Installation, folder: Path) -> None:
        self.one, self.folder, self.kills = one, folder, 0
        self.valuers = [str(one.json("key", "new", f"valuer-{number}")["address"]) for number in (1, 2)]
        self.ledger = open_collateral(one.home)
        self.agreement = self._agreed()

    def _agreed(self) -> AgreementId:
        """A pledge of bonds that stay the giver's, signed by both."""
        home, facts = self.one.home, self.one.home.market()
        register, by_bic = register_of(facts.network), {member.bic: member for member in facts.participants.values()}
        parties = by_bic[GIVER].wallet, by_bic[TAKER].wallet
        keys = {wallet.address: wallet for wallet in home.wallets(home.market_file()).values()}
        wallets = LocalCollateralWallets(keys, register)
        database = open_database(f"sqlite:///{self.folder / 'sent.db'}")
        sender = Sender(Node(self.one.rpc), home.key("operator"), SqlTransactionLog(database), lambda _: None)
        ledger = open_collateral(home, sender=sender)
        terms = Agreement(
            giver=parties[0],
            taker=parties[1],
            mode=AgreementMode.SECURITY_INTEREST,
            currency="EUR",
            valuers=valuers_hash(valuers_epoch(self.valuers, 2)),
            until=ledger.time_of() + 30 * 86_400,
            max_age_seconds=3_600,
            **self.TERMS,
        )
        identifier = AgreementId(agreement_id(terms, register))
        giver, taker = (wallets.sign_agreement(terms, party) or b"" for party in parties)

        def is_final() -> bool:
            ledger.open(terms, giver, taker)
            return ledger.agreement(identifier, ledger.final_block()) == terms

        wait_until(is_final, 30, "the agreement is opened", pause=0.2)
        database.dispose()
        return identifier

    def value(self, exposure: str) -> None:
        """Both valuers sign the same figures of a second; the service hands them to the register."""
        second = self.ledger.time_of()
        as_of = datetime.fromtimestamp(second, UTC).isoformat()
        prices = {"isin": ISIN, "currency": "EUR", "price": "1000000"}
        exposures = {
            "agreement_id": self.agreement,
            "currency": "EUR",
            "exposure": exposure,
            "valuers": self.valuers,
            "quorum": 2,
            "haircuts": {ISIN: 100_000},
            "terms": {"minimum_transfer": "100000", "multiple": "1000"},
        }
        options = []
        for name, row in (("prices", prices), ("exposures", exposures)):
            path = self.folder / f"{name}.json"
            path.write_text(json.dumps({"format": f"lockstep-{name}/1", "as_of": as_of, name: [row]}))
            options += [f"--{name}", str(path)]
        later = lambda: self.ledger.time_of(self.ledger.final_block()) > second  # noqa: E731 -- read once
        wait_until(later, 30, "a final block is later than the second that is valued", pause=0.2)
        for number in ("1", "2"):
            told = self.one.json("valuer", "run", number, *options, "--once")
            assert told[self.agreement].startswith("signed"), told
        valued = lambda: self.ledger.state(self.agreement, self.ledger.final_block()).valued_at == second  # noqa: E731
        self.until("the figures are the register's", valued)

    def until(self, what: str, reached: Callable[[], bool]) -> None:
        self.kills += self.one.attend(reached, DYING, 60, what, pause=0.4)["service"]

    def case(self, call: str) -> dict[str, Any]:
        return dict(self.one.json("margin", "show", call))

    def told(self, bic: str, kind: type) -> list[Any]:
        """The messages of one kind in a participant's folder."""
        files = sorted((self.one.home.outbox / bic).glob("*.xml"))
        return [one.body for one in (read(path.read_bytes()) for path in files) if isinstance(one.body, kind)]

    def answer(self, request: MarginCallRequest, agreed: str, number: int) -> Path:
        """The giver's colr.004, as its own software writes it."""
        body = MarginCallResponse(
            response_id=Reference(f"MR-{number}"),
            obligation=request.obligation,
            agreement=request.agreement,
            call_id=request.call_id,
            agreed=Money.parse(agreed, "EUR"),
            reason="the bond is worth more here",
        )
        market = self.one.home.market()
        message: Message[Any] = Message(
            sender=request.obligation.party_b,
            receiver=market.service,
            message_id=f"M-{number}",
            created=datetime.now(UTC).replace(microsecond=0),
            body=body,
        )
        path = self.folder / f"answer-{number}.xml"
        path.write_bytes(write(message))
        return path


def test_called_disputed_met_and_returned(installation: Installation, tmp_path: Path) -> None:
    one = installation
    desk = Desk(one, tmp_path)
    for role in ("rtgs", *AGENTS):
        one.start(role)
    one.start("service", environment={"LOCKSTEP_CRASH_AFTER": str(DYING["service"])})
    desk.value("5000000")  # 50,000.00

    terms = {"format": "lockstep-csa/1", "currency": "EUR", "giver": GIVER, "giverCountry": "FR", "threshold": "99.99"}
    path = tmp_path / "terms.json"
    path.write_text(json.dumps(terms))
    reckoned = one.json("margin", "reckon", str(path), "--agreement", desk.agreement[:8])
    assert (reckoned["exposure"], reckoned["held"], reckoned["delivery"]) == ("50000.00", "0.00", "49900.01")

    called = one.json("margin", "call", desk.agreement[:10], "MC-1")
    assert (called["amount"], called["caller"], called["called"]) == ("50000.00", TAKER, GIVER)
    assert one.json("margin", "call", desk.agreement, "MC-1") == called
    desk.until("the giver is told", lambda: bool(desk.told(GIVER, MarginCallRequest)))
    (request,) = desk.told(GIVER, MarginCallRequest)
    assert (request.call_id, str(request.amount), str(request.exposure)) == ("MC-1", "50000.00 EUR", "50000.00 EUR")

    path = desk.answer(request, "20000.00", 1)
    assert [one["outcome"] for one in one.submit(path)[1]] == ["margin answered"]
    assert [one["outcome"] for one in one.submit(path)[1]] == ["duplicate"]
    code, (refused,) = one.submit(desk.answer(request, "30000.00", 2))
    assert (code, refused["outcome"], refused["field"]) == (1, "refused", "answer to margin call")
    desk.until("the taker is told", lambda: bool(desk.told(TAKER, MarginCallResponse)))
    desk.until("and the giver why not", lambda: bool(desk.told(GIVER, Rejection)))
    assert [str(each.agreed) for each in desk.told(TAKER, MarginCallResponse)] == ["20000.00 EUR"]
    assert desk.case("MC-1")["disputed"] == "30000.00"

    one.json("margin", "resolve", "MC-1", "50000", "--reason", "by telephone")
    assert one.json("margin", "pay", "MC-1", "--amount", "32000")["payment"]["amount"] == "32000.00"
    # A unit of face is worth 1.00, and counts for 0.90: 20,000 for 18,000.00.
    assert one.json("margin", "deliver", "MC-1", ISIN, "20000")["bonds"][0]["expected"] == "18000.00"
    desk.until("the call is met", lambda: desk.case("MC-1")["state"] == "DELIVERED")
    met = desk.case("MC-1")
    assert (met["delivered"], met["payment"]["counted"], met["bonds"][0]["value"]) == ("50000.00", True, "18000.00")
    state = desk.ledger.state(desk.agreement)
    assert (state.credit, desk.ledger.cover(desk.agreement)) == (3_200_000, 1_800_000)

    desk.value("4000000")
    assert one.json("margin", "call", desk.agreement, "MR-1", "--return")["amount"] == "10000.00"
    one.json("margin", "pay", "MR-1")
    desk.until("the return is met", lambda: desk.case("MR-1")["state"] == "DELIVERED")
    assert desk.ledger.state(desk.agreement).credit == 2_200_000
    code, said = one.run("margin", "withdraw", "MR-1", "--reason", "too late")
    assert (code, "a call that has not ended; it is DELIVERED" in said) == (1, True)
    code, said = one.run("margin", "list")
    assert code == 0 and "MC-1" in said and "MR-1" in said

    one.stop()
    assert desk.kills >= 8
    assert one.violations() == {}
    picture = one.picture()
    assert picture.cash[GIVER, "EUR"] == Money.parse("24978000.00", "EUR")  # 25,000,000.00 - 32,000.00 + 10,000.00
    assert picture.cash[TAKER, "EUR"] == Money.parse("30022000.00", "EUR")
    assert picture.earmarked == 0
    assert picture.holdings[GIVER, ISIN].text() == "39980000"  # free: 20,000 of 40,000,000 are pledged
