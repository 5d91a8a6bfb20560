"""What collateral's actors see of the register, and how they act on it: themselves, or by a signed act that anybody
carries there."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from lockstep.chain.ledger import call_data, packed, read
from lockstep.domain.collateral.calls import Call
from lockstep.domain.collateral.register import (
    NOT_TOGETHER,
    Act,
    Agreement,
    AgreementId,
    Pledge,
    PledgeId,
    Sale,
    State,
    Valuation,
)
from lockstep.domain.collateral.register_events import Agreed, Pledged, SaleStarted, TitleTransferred
from lockstep.domain.market import Participant, Security
from lockstep.domain.order import Epoch
from lockstep.ports import CollateralLedger
from lockstep.signing import (
    Key,
    act_digest,
    build_quorum_proof,
    call_bytes,
    together_of,
    valuation_digest,
    valuers_epoch,
)
from lockstep.simulation.actors_hands import Hands, stranger

__all__ = [
    "CARRIERS",
    "QUORUM",
    "REGISTER",
    "REPO_SALTS",
    "VALUERS",
    "Desk",
    "a_share",
    "proof_of",
    "run_data",
    "the_valuers",
    "valuation_words",
]

REGISTER = "CollateralRegister"
VALUERS, QUORUM = ("valuer-1", "valuer-2", "valuer-3"), 2
"""Who values each agreement, and how many must agree: one of them may be a thief."""
REPO_SALTS = 2**32
"""Agreements whose salt is below are for repos."""
CARRIERS = ("carrier-1", "carrier-2", "carrier-3", "carrier-4")
"""Keys of nobody in particular, with money for fees: what is signed, or proved, anybody may carry to the register."""


def the_valuers() -> Epoch:
    return valuers_epoch([stranger(one).address for one in VALUERS], QUORUM)


def a_share(rng: random.Random, most: int) -> int:
    """Some units of so many: mostly a part, now and then all, one, or one too many."""
    return max(rng.choice((most, most // 2, most // 3, most // 10, rng.randint(0, max(most, 1)), 1, most + 1)), 1)


def run_data(acts: Sequence[Act]) -> bytes:
    """The calldata that runs these."""
    words = [(one.party, one.call, one.nonce, one.by, bytes.fromhex(one.together), one.signature) for one in acts]
    return call_data(REGISTER, "run", words)


@dataclass(frozen=True)
class Desk:
    """The register as one actor has it before it, at the head of its own node."""

    hands: Hands
    rng: random.Random

    @property
    def ledger(self) -> CollateralLedger:
        ledger = self.hands.stage.collateral
        assert ledger is not None
        return ledger

    @property
    def address(self) -> str:
        return self.ledger.register.address

    @cached_property
    def now(self) -> int:
        return self.ledger.time_of()

    @cached_property
    def agreements(self) -> Mapping[AgreementId, Agreement]:
        """By id, oldest first, on their present terms; those for repos left out, which only the service acts under."""
        return {name: one for name, one in self._agreed.items() if one.salt >= REPO_SALTS}

    def repo_agreements(self) -> Mapping[AgreementId, Agreement]:
        """The others."""
        return {name: one for name, one in self._agreed.items() if one.salt < REPO_SALTS}

    @cached_property
    def _agreed(self) -> Mapping[AgreementId, Agreement]:
        found = {}
        for one in self._events:
            if isinstance(one, Agreed):
                found[one.agreement_id] = one.agreement
        return found

    @cached_property
    def _events(self) -> Sequence[object]:
        return [one.said for one in self.hands.stage.register_events()]

    @cached_property
    def pledges(self) -> Mapping[PledgeId, Pledge]:
        """All ever made under `agreements`, by id, oldest first."""
        made = [one.pledge_id for one in self._events if isinstance(one, Pledged | TitleTransferred)]
        found = self.ledger.pledges(made)
        return {name: one for name, one in found.items() if one.agreement_id in self.agreements}

    def live(self) -> list[PledgeId]:
        """Those with anything in them."""
        return [name for name, one in self.pledges.items() if one.quantity]

    def children(self, parent: PledgeId) -> list[PledgeId]:
        return [name for name, one in self.pledges.items() if one.parent == parent and one.quantity]

    def sales(self) -> list[Sale]:
        """All ever begun."""
        begun = [one.settlement_id for one in self._events if isinstance(one, SaleStarted)]
        return [sale for one in begun if (sale := self.ledger.sale(one)) is not None]

    def state(self, agreement: AgreementId) -> State:
        return self.ledger.state(agreement)

    def heir(self, wallet: str) -> str:
        """Who acts for a wallet."""
        (found,) = read(self.hands.stage.node, "ParticipantRegistry", self.hands.registry(), "heirOf", wallet)
        return str(found)

    def names(self) -> Mapping[str, str]:
        """Names of this actor's keys, by address in small letters."""
        return {self.hands.key(name).address.lower(): name for name in sorted(self.hands.keys)}

    def member(self, wallet: str) -> Participant:
        return next(one for one in self.hands.members if one.wallet.lower() == wallet.lower())

    def security(self) -> Security:
        return self.rng.choice(self.hands.securities)

    # --- acting

    def do(self, *wanted: tuple[str, Call]) -> str:
        """Acts of these parties, all or none; of one, perhaps by itself. What came of it, as text."""
        names = self.names()
        parties = [self.heir(party).lower() for party, _ in wanted]
        missing = [one for one in parties if one not in names]
        if missing:
            return f"{missing[0]} has no key here"
        own = names[parties[0]]
        if len(wanted) == 1 and own.startswith("wallet-") and self.rng.random() < 0.5:
            return self.hands.send_data(own, self.address, call_bytes(wanted[0][1]))
        acts = self.signed([(names[party], call) for party, (_, call) in zip(parties, wanted, strict=True)])
        return self.carry(acts)

    def signed(self, wanted: Sequence[tuple[str, Call]], *, apart: bool = False) -> list[Act]:
        """Signed with keys by name; several of them for just this company, unless `apart`."""
        rng, by = self.rng, self.now + self.rng.choice((60, 600, 600, 6_000))
        acts = [
            Act(party=self.hands.key(name).address, call=call_bytes(call), nonce=rng.getrandbits(64), by=by)
            for name, call in wanted
        ]
        together = NOT_TOGETHER if len(acts) == 1 or apart else together_of(acts)
        acts = [replace(one, together=together) for one in acts]
        register = self.ledger.register
        return [
            replace(one, signature=self.hands.key(name).sign(act_digest(one, register)))
            for one, (name, _) in zip(acts, wanted, strict=True)
        ]

    def carry(self, acts: Sequence[Act], *, blindly: bool = False) -> str:
        """Anybody runs them."""
        return self.present(run_data(acts), blindly=blindly)

    def present(self, data: bytes, *, blindly: bool = False) -> str:
        """Anybody makes a call of the register."""
        return self.hands.send_data(self.rng.choice(CARRIERS), self.address, data, blindly=blindly)

    def salt(self) -> str:
        return f"{self.rng.getrandbits(256):064x}"


def proof_of(valuation: Valuation, keys: list[Key], desk: Desk) -> bytes | None:
    """What these valuers' word comes to, packed; None below the quorum."""
    digest = valuation_digest(valuation, desk.ledger.register)
    proof = build_quorum_proof(digest, [key.sign(digest) for key in keys], the_valuers())
    return packed(proof) if proof is not None else None


def valuation_words(one: Valuation) -> tuple[object, ...]:
    """ICollateral.Valuation."""
    prices = [(each.token, each.price, each.haircut) for each in one.prices]
    return bytes.fromhex(one.agreement_id), one.exposure, one.required, one.as_of, prices
