"""Claims folded from events against what the contract itself answers at every block, after a long run of random acts;
and the sheet made of them against the columnar inventory, which shares no code with it."""

import random
from itertools import pairwise

import pytest

from collateral_venue import GIVER, PARTIES, SECOND, TAKER, THIRD, CollateralVenue, salt
from lockstep.analytics.claim_columns import Codes, attempt_columns, holding_columns, pledge_columns
from lockstep.analytics.inventory import inventory as columnar
from lockstep.chain.holdings import holdings_at
from lockstep.domain.collateral.calls import (
    AppropriateCall,
    DeclareDefaultCall,
    PledgeCall,
    RecallCall,
    RecordTitleCall,
    ReleaseCall,
    RepledgeCall,
    ReturnUnitsCall,
    SellCall,
    SetOffCall,
)
from lockstep.domain.collateral.claims import Claims
from lockstep.domain.collateral.register import AgreementId, AgreementMode, PledgeId
from lockstep.domain.collateral.sheet import sheet
from lockstep.domain.errors import ContractRefused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Order, OutcomeResult
from lockstep.signing import pledge_id, settlement_id

ACTS = 120


class Player:
    """Does things that may or may not be allowed; what is refused leaves nothing."""

    def __init__(self, venue: CollateralVenue, seed: int) -> None:
        self.venue, self.random = venue, random.Random(seed)
        self.pledges: list[PledgeId] = []
        self.sales: list[tuple[PledgeId, SettlementId, Order]] = []
        self.done = 0
        people = [GIVER, TAKER, SECOND, THIRD]
        self.links: list[AgreementId] = [
            venue.agree(giver=giver.address, taker=taker.address, reuse_cap=900_000, substitution=False)
            for giver, taker in pairwise(people)
        ]
        self.title = venue.agree(mode=AgreementMode.TITLE_TRANSFER, salt=5)
        for agreement in (*self.links, self.title):
            venue.value(agreement, 10**6)
            venue.run(venue_key(venue, agreement, taker=True), DeclareDefaultCall(agreement_id=agreement))
        venue.chain.mine(2)

    def play(self, number: int) -> None:
        acts = [self.pledge, self.repledge, self.release, self.recall, self.appropriate, self.sell, self.end]
        acts += [self.move_title, self.give_back, self.set_off, self.pledge, self.repledge]
        try:
            self.random.choice(acts)(number)
            self.done += 1
        except (ContractRefused, IndexError):
            pass

    def some(self) -> PledgeId:
        return self.random.choice(self.pledges)

    def few(self) -> int:
        return self.random.randint(1, 400)

    def taker_of(self, pledge: PledgeId):
        found = self.venue.ledger.pledge(pledge)
        assert found is not None
        return venue_key(self.venue, found.agreement_id, taker=True)

    def pledge(self, number: int) -> None:
        call = PledgeCall(
            agreement_id=self.links[0], token=self.venue.token, quantity=self.few() * 3, salt=salt(number)
        )
        self.venue.run(GIVER, call)
        self.pledges.append(pledge_id(self.links[0], self.venue.token, salt(number)))

    def repledge(self, number: int) -> None:
        parent = self.some()
        found = self.venue.ledger.pledge(parent)
        assert found is not None
        under = self.links[found.depth + 1] if found.depth < 2 else self.links[2]
        call = RepledgeCall(parent=parent, agreement_id=under, quantity=self.few(), salt=salt(number))
        self.venue.run(self.taker_of(parent), call)
        self.pledges.append(pledge_id(under, self.venue.token, salt(number), parent))

    def release(self, _: int) -> None:
        pledge = self.some()
        self.venue.run(self.taker_of(pledge), ReleaseCall(pledge_id=pledge, quantity=self.few()))

    def recall(self, _: int) -> None:
        call = RecallCall(pledge_id=self.pledges[0], quantity=self.few(), by=self.venue.now())
        self.venue.run(GIVER, call)

    def appropriate(self, _: int) -> None:
        pledge = self.some()
        self.venue.run(self.taker_of(pledge), AppropriateCall(pledge_id=pledge, quantity=self.few() // 3 + 1))

    def sell(self, number: int) -> None:
        previous = next(((one, id_) for one, id_, _ in self.sales if self.random.random() < 0.3), None)
        pledge = previous[0] if previous else self.some()
        quantity = self.few() // 3 + 1
        if previous:
            before = self.venue.ledger.sale(previous[1])
            assert before is not None
            quantity = before.quantity
        order = self.venue.order(self.venue.register.address, SECOND.address, quantity, nonce=number)
        identifier = settlement_id(order, self.venue.network)
        (signature,) = self.venue.signed(identifier, SECOND)
        again = {"previous": previous[1]} if previous else {}
        call = SellCall(pledge_id=pledge, order=order, buyer_signature=signature, **again)
        self.venue.run(self.taker_of(pledge), call)
        self.sales.append((pledge, identifier, order))

    def end(self, _: int) -> None:
        _, identifier, order = self.random.choice(self.sales)
        self.venue.end(order, self.random.choice([OutcomeResult.PAID, OutcomeResult.NEVER]))
        if self.random.random() < 0.6:
            self.venue.ledger.end_sale(identifier)

    def move_title(self, number: int) -> None:
        if self.random.random() < 0.5:
            call = PledgeCall(agreement_id=self.title, token=self.venue.token, quantity=self.few(), salt=salt(number))
            self.venue.run(GIVER, call)
            self.pledges.append(pledge_id(self.title, self.venue.token, salt(number)))
            return
        order = self.venue.order(GIVER.address, TAKER.address, self.few(), nonce=number)
        settlement = self.venue.settled(order)
        self.venue.run(TAKER, RecordTitleCall(agreement_id=self.title, order=order))
        self.pledges.append(pledge_id(self.title, self.venue.token, settlement))

    def give_back(self, _: int) -> None:
        pledge = self.some()
        call = ReturnUnitsCall(pledge_id=pledge, quantity=self.few() // 4 + 1)
        self.venue.run(self.taker_of(pledge), call)

    def set_off(self, _: int) -> None:
        pledge = self.some()
        self.venue.run(self.taker_of(pledge), SetOffCall(pledge_id=pledge, quantity=self.few() // 8 + 1))


def venue_key(venue: CollateralVenue, agreement: AgreementId, *, taker: bool):
    terms = venue.ledger.agreement(agreement)
    assert terms is not None
    address = terms.taker if taker else terms.giver
    return next(one for one in PARTIES if one.address == address)


@pytest.mark.parametrize("seed", [1])
def test_claims_are_what_the_contract_says_at_every_block(seed: int) -> None:
    venue = CollateralVenue.open()
    player = Player(venue, seed)
    for number in range(10, 10 + ACTS):
        player.play(number)
    events = venue.ledger.events()
    assert player.done > ACTS // 3
    kinds = {type(one.said).__name__ for one in events}
    assert {"Pledged", "Released", "Appropriated", "EquivalentOwed", "SaleStarted", "TitleTransferred"} <= kinds
    claims = Claims(events)
    blocks = sorted({one.block for one in events})
    for block in [*blocks[:: max(1, len(blocks) // 25)], blocks[-1]]:
        assert claims.pledges(block) == venue.ledger.pledges(player.pledges, block)
    assert claims.pledges() == venue.ledger.pledges(player.pledges)
    halfway = Claims(one for one in events if one.block <= blocks[len(blocks) // 2])
    halfway.take(one for one in events if one.block > blocks[len(blocks) // 2])
    assert halfway.pledges() == claims.pledges()
    _compare_sheets(venue, claims, [blocks[len(blocks) // 2], blocks[-1]])


def _compare_sheets(venue: CollateralVenue, claims: Claims, blocks: list[int]) -> None:
    wallets, tokens = Codes(), Codes()
    everyone = [one.address for one in PARTIES]
    seen = [
        (block, holdings_at(venue.chain.node, venue.network, [venue.token, venue.second], everyone, block))
        for block in blocks
    ]
    tried = [(GIVER.address, venue.token, blocks[0]), (GIVER.address, venue.token, blocks[-1] + 1)]
    holdings = holding_columns(seen, wallets, tokens)
    pledges, _ = pledge_columns(claims, wallets, tokens)
    attempts = attempt_columns(tried, wallets, tokens)
    for block, held in seen:
        table = columnar(holdings, pledges, block, attempts)
        rows = {
            (wallets.texts()[who], tokens.texts()[what]): {
                name: int(getattr(table, name)[place])
                for name in ("owned", "free", "earmarked", "pledged", "received", "reused", "frozen", "attempts")
            }
            for place, (who, what) in enumerate(zip(table.participant, table.security, strict=True))
        }
        lines = sheet(held, claims.live(block), venue.ledger.time_of(block), [(GIVER.address, venue.token)])
        plain = {
            (one.wallet, one.token): {name: getattr(one, name) for name in next(iter(rows.values()))} for one in lines
        }
        nothing = dict.fromkeys(next(iter(rows.values())), 0)
        shown = {place: row for place, row in rows.items() if row != nothing}
        assert {place: row for place, row in plain.items() if row != nothing} == shown
        assert [one for one in lines if one.over_committed] == []
        assert int(table.over_committed.sum()) == 0 or any(one.selling for one in lines)
