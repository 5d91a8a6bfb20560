"""The whole system on a small market, with what an attacker may have got hold of."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lockstep.app.auditing import audit
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.sender import Sender
from lockstep.domain.identifiers import Bic, Reference, SettlementId, TradeId, derive_uetr
from lockstep.domain.instruction import CancellationRequest, Instruction, Party, Side
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.payment import CancelPayment, CashAccount, Payment
from lockstep.domain.trade import Trade, TradeTerms
from lockstep.flow.receiving import Reception
from lockstep.iso20022 import write
from lockstep.signing import cash_hash, settlement_id
from lockstep.store import SqlBook, SqlTransactionLog, open_database

SELLER, BUYER, THIEF = Bic("FABLZZ2A"), Bic("UTOPZZ2A"), Bic("MIRGZZ2AXXX")
BOND = "ZZ00EXB20314"
OPENING = 100_000_000
"""What each bank has, in cents: the mandates would let the service debit it all."""
PRICE = 100_000


def euro(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


def market_file(root: Path) -> Path:
    members = "\n".join(
        f'[[participants]]\nname = "{bic}"\nlei = "{lei}"\nbic = "{bic}"\nstatus = "active"\n'
        f'accounts = {{ EUR = "EUR-{bic}" }}\ncash = {{ EUR = "1000000.00" }}\n'
        f'[[mandates]]\ndebtor = "{bic}"\ncurrency = "EUR"\nmaximum = "1000000.00"\nuntil = 2026-12-31\n'
        for bic, lei in (
            (SELLER, "ZZZZ00FABLEBANK00171"),
            (BUYER, "ZZZZ00UTOPIATRUS0378"),
            (THIEF, "ZZZZ00MIRAGESECU0222"),
        )
    )
    text = f"""
business_day = 2026-11-23
opens = 07:00:00
pay_by = 16:00:00
closes = 17:00:00
service = "LSTPZZ2A"
rtgs = "CBNKZZ2AXXX"
{members}
[[securities]]
isin = "{BOND}"
name = "Bond"
symbol = "BOND"
kind = "government bond"
quantity_type = "FaceAmt"
decimals = 2
currency = "EUR"
[[holdings]]
participant = "{SELLER}"
isin = "{BOND}"
quantity = "1000000.00"
[tolerances]
"""
    path = root / "market.toml"
    path.write_text(text)
    return path


class Town(World):
    """A world whose service database can be lost, and whose operator's keys can be stolen."""

    def __init__(self, root: Path) -> None:
        super().__init__(read_market(market_file(root)), root / "home", finality_depth=1)
        self.lost: list[TradeTerms] = []
        """Terms of trades whose records are gone: the auditor keeps them."""

    # --- participants

    def member(self, bic: Bic) -> Any:
        return next(one for one in self.market.participants.values() if one.bic == bic)

    def account(self, bic: Bic) -> CashAccount:
        found: CashAccount = self.member(bic).account("EUR")
        return found

    def spent(self, bic: Bic) -> int:
        number = self.account(bic).number
        return OPENING - next(one.posted for one in self.rtgs.facts().accounts if one.number == number)

    def instruct(self, number: int = 1) -> None:
        """Both sides of one trade: 1000.00 of the bond against EUR 1000.00."""
        parties = {bic: Party(lei=self.member(bic).lei, bic=bic) for bic in (SELLER, BUYER)}
        (security,) = self.market.securities.values()
        day = self.file.business_day
        for side, owner in ((Side.DELIVER, SELLER), (Side.RECEIVE, BUYER)):
            body = Instruction(
                reference=Reference(f"{side.name[0]}-{number}"),
                side=side,
                deliverer=parties[SELLER],
                receiver=parties[BUYER],
                isin=security.isin,
                quantity=Quantity.parse("1000"),
                quantity_type=security.quantity_type,
                cash=euro(PRICE),
                trade_date=day,
                settlement_date=day,
            )
            self.hand_in(owner, f"M-{body.reference}", body)

    def ask_to_cancel(self, message_id: str, number: int = 1) -> None:
        for side, owner in ((Side.DELIVER, SELLER), (Side.RECEIVE, BUYER)):
            party = Party(lei=self.member(owner).lei, bic=owner)
            reference = Reference(f"{side.name[0]}-{number}")
            self.hand_in(owner, message_id, CancellationRequest(reference=reference, side=side, owner=party))

    def hand_in(self, sender: Bic, message_id: str, body: Any) -> None:
        service, now = self.market.service, self.clock.now()
        message = Message(sender=sender, receiver=service, message_id=message_id, created=now, body=body)
        self.reception.submit(message, write(message))

    # --- the service

    @property
    def trade(self) -> Trade:
        (trade,) = self.book.trades()
        return trade

    def lose_the_database(self) -> None:
        """A new service with empty records, and the same keys."""
        self.lost += [trade.terms for trade in self.book.trades()]
        self._database.dispose()
        self._database = open_database(f"sqlite:///{self.root / f'service-{len(self.lost)}.db'}")
        self.book = SqlBook(self._database, clock=self.clock)
        sender = Sender(self.chain.node, self.roles.operator, SqlTransactionLog(self._database), lambda _: None)
        self.ledger = EvmAssetLedger(self.chain.node, self.market.network, sender)
        self.reception = Reception(book=self.book, market=self.market, clock=self.clock)
        settler = replace(self.engine.settler, book=self.book, assets=self.ledger)
        self.engine = replace(self.engine, settler=settler)

    def put_out_the_service(self) -> None:
        self.engine = Passing(lambda: False)

    def tick_until(self, true: Callable[[], bool]) -> None:
        for _ in range(40):
            if true():
                return
            self.tick()
        raise AssertionError("it did not come about")

    def locked(self) -> Trade:
        """One trade, locked a block ago."""
        self.instruct()
        self.tick_until(lambda: bool(self.events(self.trade.settlement_id)) if self.book.trades() else False)
        return self.trade

    def booked(self) -> bool:
        return any(one.state.name == "BOOKED" for one in self.rtgs.operator.payments())

    def events(self, settlement: SettlementId | None) -> list[str]:
        return [one.name for one in self.ledger.history(settlement)] if settlement else []

    # --- the operator's stolen keys

    def order(self, **changes: Any) -> Order:
        """An order as the operator may write one: of any wallets, token and cash."""
        (security,) = self.market.securities.values()
        pay_by = int(self.file.pay_by_instant.timestamp())
        movement = Movement(
            token=security.token,
            seller=self.roles.wallets[SELLER].address,
            buyer=self.roles.wallets[BUYER].address,
            quantity=PRICE,
            epoch=1,
            nonce=0,
        )
        terms = OrderTerms(trade_id=TradeId("11" * 32), part=0, cash_hash="", lock_by=pay_by, pay_by=pay_by)
        fields = {name: value for name, value in changes.items() if name in OrderTerms.__dataclass_fields__}
        rest = {name: value for name, value in changes.items() if name not in fields}
        return Order(movement=replace(movement, **rest), terms=replace(terms, **fields))

    def cash_hash(self, payment: Payment) -> str:
        return cash_hash(payment.salt, payment.amount, payment.debtor, payment.creditor)

    def lock(self, order: Order, seller: Any, buyer: Any) -> SettlementId:
        identifier = settlement_id(order, self.market.network)
        digest = bytes.fromhex(identifier)
        self.ledger.lock(identifier, order, seller.sign(digest), buyer.sign(digest))
        return identifier

    def payment(self, settlement: str = "", **changes: Any) -> Payment:
        pay_by = self.file.pay_by_instant
        body = Payment(
            uetr=derive_uetr(SettlementId(settlement), 9),
            instruction_id="I",
            end_to_end_id="E",
            amount=euro(PRICE),
            settlement_date=pay_by.date(),
            debtor=self.account(BUYER),
            creditor=self.account(THIEF),
            settlement_id=SettlementId(settlement),
            salt="0f" * 16,
            pay_by=pay_by,
        )
        return replace(body, **changes)

    def junk(self, settlement: str, **changes: Any) -> Payment:
        """A payment that the RTGS refuses at once."""
        nowhere = CashAccount(owner=BUYER, number="NOSUCH")
        return self.payment(settlement, creditor=nowhere, **changes)

    def cancellation(self, settlement: str, **changes: Any) -> CancelPayment:
        body = CancelPayment(
            case_id="C",
            uetr=derive_uetr(SettlementId(settlement), 1),
            original_message_id="M",
            original_amount=euro(PRICE),
            original_settlement_date=self.file.business_day,
            settlement_id=SettlementId(settlement),
            salt="0f" * 16,
        )
        return replace(body, **changes)

    def say(self, body: Payment | CancelPayment, message_id: str | None = None) -> None:
        """To the RTGS, in the service's name."""
        sender = self.market.service
        message = Message(
            sender=sender,
            receiver=self.market.rtgs,
            message_id=message_id or f"X{secrets.token_hex(8)}",
            created=self.clock.now(),
            body=body,
        )
        self.rtgs.handle(write(message), sender)

    # --- the auditor

    def violations(self, *, ended: bool = True) -> dict[str, list[str]]:
        trades = self.book.trades()
        left = [one for trade in trades if trade.settlement_id for one in self.board.attestations(trade.settlement_id)]
        claims = {str(one.settlement_id or one.trade_id): one.state for one in trades}
        found = audit(
            self.chain.node,
            self.market,
            self.rtgs.facts(),
            left,
            claims,
            self.book.journal(),
            ended=ended,
            terms={one.trade_id: one for one in [*self.lost, *(trade.terms for trade in trades)]}.values(),
        )
        return {name: violations for name, violations in found.items() if violations}

    def end_of_day(self) -> None:
        self.run_until_quiet()
        self.close_day()
        self.run_until_quiet()


class Passing:
    """In the place of an engine: whatever the test wants done in its pass."""

    def __init__(self, act: Callable[[], bool]) -> None:
        self.run_once = act
