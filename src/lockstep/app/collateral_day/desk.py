"""Everybody's hands on a collateral day: agreements signed, figures attested, acts signed and sent, repos and calls
stepped. All of it is the real code; what a party decides comes from the day's folder."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lockstep.agent import ValuationDirectory
from lockstep.app.attempts import AttemptFile
from lockstep.app.clocks import SystemRandomness
from lockstep.app.collateral import ATTEMPTS, LocalCollateralWallets
from lockstep.app.collateral_acts import ActDesk, Wanted
from lockstep.app.collateral_day.files import AgreementFile, CollateralDay, Node, Quoted
from lockstep.app.valuing import Valuer
from lockstep.app.world import World
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.deployment import Deployer
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import read
from lockstep.chain.sender import Sender
from lockstep.domain.accrual import dirty_price
from lockstep.domain.collateral.calls import Call
from lockstep.domain.collateral.register import (
    Act,
    Agreement,
    AgreementId,
    Pledge,
    PledgeId,
    check_agreement,
    register_of,
)
from lockstep.domain.collateral.schedules import Eligible, Parties, Verdict, judge
from lockstep.domain.collateral.valuation import Price, price_of_par
from lockstep.domain.errors import InvalidInput, LockstepError
from lockstep.domain.identifiers import Bic, Isin, isin
from lockstep.domain.instruction import Party
from lockstep.domain.margin import MarginDue, margin_due
from lockstep.domain.market import Participant, Security
from lockstep.domain.money import Money, Quantity
from lockstep.iso20022 import MESSAGE_TYPES
from lockstep.iso20022 import read as read_message
from lockstep.ports import CollateralLedger
from lockstep.signing import Key, agreement_id, valuers_epoch, valuers_hash
from lockstep.store import SqlTransactionLog, open_database

__all__ = ["Desk", "Figures", "par"]

Figures = Mapping[str, str]
"""What came of a step, by name, as text."""

SEEN = timedelta(minutes=2)
"""After so long what was true of a second is final, and can be signed."""


def par(parts: int) -> str:
    """A price in percent of par."""
    return f"{parts // 10_000}.{parts % 10_000:04d}"


class Desk:
    """One day's people over one world. Names are the folder's: of agreements, pledges, calls."""

    def __init__(self, day: CollateralDay, world: World) -> None:
        """Opens the day's agreements. Raises InvalidInput for terms that the register would refuse."""
        if world.collateral is None or world.margin_mail is None or world.repoing is None:
            raise InvalidInput("market.toml/collateral", False, "true")
        self.day, self.world, self.market = day, world, world.market
        self.ledger: CollateralLedger = world.collateral
        self.mail, self.repoing = world.margin_mail, world.repoing
        self.margining = self.mail.margining
        self._mailed: set[Path] = set()
        self._others = ExitStack()
        keys = {key.address: key for key in world.roles.wallets.values()}
        self._wallets = LocalCollateralWallets(keys, self.ledger.register)
        self.acts = ActDesk(
            ledger=self.ledger,
            acting=lambda: nullcontext(self.ledger),
            folder=world.root / "acts",
            keys=lambda wallet: keys[wallet],
            poll=world.chain.mine,
        )
        randomness = SystemRandomness()
        self._valuers = [Key(randomness.token(32)) for _ in range(day.valuers)]
        self.valuers = valuers_epoch([one.address for one in self._valuers], day.quorum)
        self.attempts = AttemptFile(world.root / ATTEMPTS)
        self.pledges: dict[str, PledgeId] = {}
        self.agreements: dict[str, AgreementId] = {}
        self.blocks: dict[str, int] = {}
        """The last block of each step that has ended."""
        for one in day.agreements.values():
            self._open(one)
        self.final()

    def _open(self, one: AgreementFile) -> None:
        terms = Agreement(
            giver=self.member(one.giver).wallet,
            taker=self.member(one.taker).wallet,
            mode=one.mode,
            currency=one.margin.currency,
            valuers=valuers_hash(self.valuers),
            until=self.day.ends,
            max_age_seconds=one.max_age_seconds,
            reuse_cap=one.reuse_cap,
            max_depth=one.max_depth,
            appropriation=one.appropriation,
            notice_seconds=one.notice_seconds,
            cure_seconds=one.cure_seconds,
        )
        check_agreement(terms)
        giver, taker = (self._wallets.sign_agreement(terms, party) or b"" for party in (terms.giver, terms.taker))
        self.ledger.open(terms, giver, taker)
        self.agreements[one.name] = agreement_id(terms, self.ledger.register)

    # --- names

    def member(self, bic: Bic) -> Participant:
        return next(one for one in self.market.participants.values() if one.bic == bic)

    def named(self, wallet: str) -> str:
        """Whose wallet it is."""
        return next(one.name for one in self.market.participants.values() if one.wallet == wallet)

    def party(self, bic: Bic) -> Party:
        return Party(lei=self.member(bic).lei, bic=bic)

    def terms(self, node: Node, field: str = "agreement") -> AgreementFile:
        """The agreement that a step names."""
        return node.chosen(field, self.day.agreements)

    def pledge_named(self, node: Node, field: str = "pledge") -> tuple[PledgeId, Pledge]:
        """A pledge that a step names, as it is now."""
        identifier = node.chosen(field, self.pledges)
        return identifier, self.pledge(identifier)

    def pledge(self, identifier: PledgeId) -> Pledge:
        found = self.ledger.pledge(identifier)
        if found is None:
            raise LockstepError(f"the register has no pledge {identifier}")
        return found

    def security(self, node: Node) -> Security:
        return self.market.security(isin(node.text("isin"), field=f"{node.path}/isin"))

    def symbol(self, name: Isin) -> str:
        """What people call a security."""
        return next(one.symbol for one in self.day.market.securities if one.isin == name)

    def units(self, node: Node, security: Security, field: str = "quantity") -> int:
        quantity = Quantity.parse(node.text(field), field=f"{node.path}/{field}")
        return quantity.units(security.decimals, field=f"{node.path}/{field}")

    def security_of(self, token: str) -> Security:
        return next(one for one in self.market.securities.values() if one.token == token)

    def free(self, owner: Bic, security: Security) -> int:
        """Base units that are neither earmarked nor frozen."""
        (units,) = read(self.world.chain.node, "SecurityToken", security.token, "freeOf", self.member(owner).wallet)
        return int(units)

    def balance(self, owner: Bic, currency: str) -> str:
        """What the RTGS has posted for a participant."""
        number = self.member(owner).account(currency).number
        (found,) = (one for one in self.world.rtgs.facts().accounts if one.number == number)
        return Money(currency=currency, amount=found.posted).text()

    def mailed(self) -> str:
        """What participants were told since this was asked last: who, and by which message."""
        new = set((self.world.root / "outbox").rglob("*.xml")) - self._mailed
        self._mailed |= new
        told = (read_message(path.read_bytes()) for path in new)
        named = sorted((one.created, MESSAGE_TYPES[type(one.body)][:8], one.receiver) for one in told)
        return ", ".join(f"{kind} to {self.member(receiver).name}" for _, kind, receiver in named)

    # --- figures

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def _latest(self, quoted: Sequence[Quoted], name: str, what: str) -> int:
        found = [one.figures[name] for one in quoted if one.since <= self.now and name in one.figures]
        if not found:
            raise InvalidInput(what, name, f"a figure from {self.now.isoformat()} or before")
        return found[-1]

    def clean(self, name: Isin) -> int:
        """Parts of a million of par."""
        return self._latest(self.day.prices, name, "prices.toml")

    def dirty(self, name: Isin) -> int:
        """With accrued interest, parts of a million of par."""
        return dirty_price(self.day.bonds[name].bond, self.clean(name), self.now.date())

    def price(self, security: Security) -> Price:
        par = price_of_par(self.dirty(security.isin), security.decimals, security.currency)
        return Price(isin=security.isin, currency=security.currency, price=par, as_of=self.now)

    def exposure(self, terms: AgreementFile) -> int:
        return self._latest(self.day.exposures, terms.name, "exposures.toml")

    def verdict(self, terms: AgreementFile, name: Isin) -> Verdict:
        """What the agreement's schedule says of a security."""
        giver = self.member(terms.giver)
        parties = Parties(giver=giver.lei, giver_country=giver.bic[4:6])
        return judge(terms.schedule, self.day.bonds[name].asset, parties, self.now.date())

    def haircut(self, terms: AgreementFile, name: Isin) -> int:
        """Raises InvalidInput for what the schedule does not take: rule, figure and limit are in it."""
        found = self.verdict(terms, name)
        if not isinstance(found, Eligible):
            raise InvalidInput("isin", name, f"eligible: {found}")
        return found.total

    def reckoned(self, terms: AgreementFile) -> MarginDue:
        """What is due by the register's final figures and the agreement's own rules, as each party reckons it."""
        identifier, at = self.agreements[terms.name], self.ledger.final_block()
        state = self.ledger.state(identifier, at)
        return margin_due(terms.margin, state.exposure, self.ledger.cover(identifier, at) + state.credit)

    def attest(self, names: Sequence[AgreementFile]) -> None:
        """A quorum of valuers reads its files and signs; the service hands the register what they signed."""
        as_of = self.now
        folder = self.world.root / "valuers"
        folder.mkdir(exist_ok=True)
        prices, exposures = folder / "prices.json", folder / "exposures.json"
        second = as_of.isoformat()
        traded = sorted(self.market.securities.values(), key=lambda one: one.isin)
        prices.write_text(
            json.dumps(
                {
                    "format": "lockstep-prices/1",
                    "as_of": second,
                    "prices": [
                        {"isin": one.isin, "currency": one.currency, "price": str(self.price(one).price)}
                        for one in traded
                    ],
                }
            )
        )
        exposures.write_text(
            json.dumps(
                {
                    "format": "lockstep-exposures/1",
                    "as_of": second,
                    "exposures": [self._exposure_entry(one, traded) for one in names],
                }
            )
        )
        self.world.move_to(as_of + SEEN)  # what is signed is true of a second that is over, and final
        self.world.chain.mine(self.market.network.finality_depth + 1)
        for key in self._valuers[: self.day.quorum]:
            valuer = Valuer(
                key=key,
                market=self.market,
                ledger=EvmCollateralLedger(self.world.chain.node, self.ledger.register),
                board=ValuationDirectory(self.world.root / "attestations"),
                prices=prices,
                exposures=exposures,
            )
            for identifier, told in valuer.look().items():
                if not told.startswith("signed"):
                    raise LockstepError(f"a valuer signs nothing for agreement {identifier}: {told}")
        self.settle()

    def _exposure_entry(self, terms: AgreementFile, traded: Sequence[Security]) -> dict[str, Any]:
        taken = {one.isin: self.verdict(terms, one.isin) for one in traded}
        return {
            "agreement_id": self.agreements[terms.name],
            "currency": terms.margin.currency,
            "exposure": str(self.exposure(terms)),
            "valuers": list(self.valuers.agents),
            "quorum": self.day.quorum,
            "haircuts": {name: one.total for name, one in taken.items() if isinstance(one, Eligible)},
            "terms": {
                "threshold": str(terms.margin.threshold),
                "minimum_transfer": str(terms.margin.minimum_transfer),
                "multiple": str(terms.margin.multiple),
            },
        }

    # --- acts

    def wanted(self, party: Bic, call: Call) -> Wanted:
        return Wanted(party=self.member(party).wallet, call=call)

    def run(self, *wanted: Wanted) -> None:
        """Acts signed by their parties, sent, and final; several only together. Raises ContractRefused."""
        self.acts.carry_out(wanted, self._subject())
        self.final()

    def signed(self, *wanted: Wanted) -> Sequence[Act]:
        """The same, not sent."""
        return self.acts.signed(self.acts.made(wanted, self._subject())[1])

    def _subject(self) -> str:
        return self.now.isoformat()

    def second_system(self) -> EvmCollateralLedger:
        """Another collateral system on the same chain: a key, records and a view of its own."""
        key = Key(SystemRandomness().token(32))
        deployer = Deployer(self.world.chain.node, key, poll=self.world.chain.mine)
        deployer.fund(self.world.chain.faucet, key.address)
        deployer.flush()
        database = open_database(f"sqlite:///{self.world.root / 'second-system.db'}")
        self._others.callback(database.dispose)
        log = SqlTransactionLog(database)
        return EvmCollateralLedger(
            self.world.chain.node,
            register_of(self.market.network),
            Sender(self.world.chain.node, key, log, lambda _: None),
            on_over_commitment=self.attempts.note,
        )

    def close(self) -> None:
        """Lets go of what other systems than the world's have open."""
        self._others.close()

    # --- time

    def in_one_block(self) -> AbstractContextManager[None]:
        """What is sent within is mined together, at the end."""
        chain = self.world.chain
        if not isinstance(chain, EmbeddedChain):
            raise LockstepError("only a chain of this process mines what it is told to")
        return chain.one_block()

    def final(self) -> None:
        """What is on the chain now is final."""
        self.world.chain.mine(self.market.network.finality_depth)

    def settle(self) -> None:
        """Service, agents and RTGS: until nothing moves any more."""
        self.world.run_until_quiet()

    # --- texts

    def money(self, amount: int, terms: AgreementFile) -> str:
        return Money(currency=terms.margin.currency, amount=amount).text()

    @staticmethod
    def quantity(units: int, security: Security) -> str:
        return Quantity.of_units(units, security.decimals).text()

    def time(self, second: int) -> str:
        return f"{datetime.fromtimestamp(second, UTC):%H:%M:%S}"
