"""The collateral register's words, field for field the structs of `contracts/interfaces/ICollateral.sol`.

What parties, valuers and agents sign, and what the register keeps. How it is hashed and signed is
`signing.collateral_data`'s alone. Addresses are 0x-prefixed EIP-55 text, ids and hashes 64 lower-case hex digits,
instants UTC seconds, amounts minor units of the agreement's currency, quantities base units of the security, shares
parts of a million. Values read from the chain are as they are there; `check_agreement` judges terms before they are
signed.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import SettlementId, hex32
from lockstep.domain.market import Network
from lockstep.domain.rounding import PARTS, divide_down, divide_up

__all__ = [
    "MAX_DEPTH",
    "MAX_TERM_SECONDS",
    "MAX_TOKENS",
    "NOT_TOGETHER",
    "NO_PLEDGE",
    "Act",
    "Agreement",
    "AgreementId",
    "AgreementMode",
    "CashPayment",
    "Income",
    "Pledge",
    "PledgeId",
    "Position",
    "PricedToken",
    "Register",
    "Sale",
    "State",
    "Valuation",
    "check_agreement",
    "register_of",
]

AgreementId = NewType("AgreementId", str)
"""64 lower-case hex digits: the EIP-712 digest of the agreement as it was signed first."""
PledgeId = NewType("PledgeId", str)
"""64 lower-case hex digits; `signing.pledge_id` knows it before the pledge is made."""

NO_PLEDGE = PledgeId("0" * 64)
"""The parent of a root pledge; the pledge of a cash payment that pays no income."""
NOT_TOGETHER = "0" * 64
"""An act that may be run by itself and with any others."""
MAX_DEPTH = 8
"""Links after a root, at most."""
MAX_TERM_SECONDS = 3_660 * 86_400
"""From the opening of an agreement to its last second, at most."""
MAX_TOKENS = 32
"""Securities that the collateral of one agreement is of, at a time, at most."""

_CURRENCY = re.compile(r"[A-Z]{3}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One network's collateral register: what a signature is for, and how deep a block must lie to be final."""

    chain_id: int
    address: str
    finality_depth: int


def register_of(network: Network) -> Register:
    """A network's collateral register. Raises Misconfigured where the market was founded without one."""
    if network.collateral is None:
        raise Misconfigured("this market has no collateral register: `collateral = true` in its file founds one")
    return Register(chain_id=network.chain_id, address=network.collateral, finality_depth=network.finality_depth)


class AgreementMode(IntEnum):
    """What becomes of title (ICollateral.Mode)."""

    SECURITY_INTEREST = 0
    """The units stay the giver's."""
    TITLE_TRANSFER = 1
    """They become the taker's, who owes as many: a repo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What giver and taker sign, once for all pledges under it."""

    giver: str
    taker: str
    mode: AgreementMode
    currency: str
    """ISO 4217 code. All amounts under the agreement are in its minor units."""
    valuers: str
    """Who values: `signing.valuers_hash` of the quorum and the valuers' addresses."""
    until: int
    """Last second of the term: what is owed then is due."""
    max_age_seconds: int
    """How long a valuation counts, from its as-of time."""
    reuse_cap: int = 0
    """How much of what he received the taker may pledge on; 0: none."""
    max_depth: int = 0
    """How many links may follow a pledge of this agreement's giver; 0: none."""
    appropriation: bool = False
    """The taker may enforce by taking units at attested value."""
    substitution: bool = False
    """The giver may replace collateral by as much of attested value without the taker."""
    notice_seconds: int = 0
    """From a declared default until the cure period; 0: waived."""
    cure_seconds: int = 0
    """From then until enforcement; 0: waived (Directive 2002/47/EC, Article 4(4))."""
    sale_floor: int = 0
    """The taker may enforce by sale through DvP, and the giver is credited with this share of the attested price at
    least; 0: no sale."""
    salt: int = 0
    """Makes agreements of the same terms two; 128 bits."""


def check_agreement(agreement: Agreement) -> None:
    """What the register would refuse, and a currency that is none, told before anybody signs. Raises InvalidInput.

    Whether the term is over, or ends too far away, depends on when it is opened: the register judges.
    """
    for field in ("giver", "taker"):
        if not _ADDRESS.fullmatch(getattr(agreement, field)):
            raise InvalidInput(f"agreement/{field}", getattr(agreement, field), "an address: 0x and 40 hex digits")
    if agreement.giver.lower() == agreement.taker.lower():
        raise InvalidInput("agreement/taker", agreement.taker, "another than the giver")
    if not _CURRENCY.fullmatch(agreement.currency):
        raise InvalidInput("agreement/currency", agreement.currency, "three capital letters (ISO 4217)")
    hex32(agreement.valuers, field="agreement/valuers")
    for field, limit in (
        ("reuse_cap", PARTS),
        ("sale_floor", PARTS),
        ("max_depth", MAX_DEPTH),
        ("notice_seconds", 2**32 - 1),
        ("cure_seconds", 2**32 - 1),
        ("max_age_seconds", 2**32 - 1),
        ("until", 2**40 - 1),
        ("salt", 2**128 - 1),
    ):
        value = getattr(agreement, field)
        if not 0 <= value <= limit:
            raise InvalidInput(f"agreement/{field}", value, f"0 to {limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedToken:
    """What one security is worth."""

    token: str
    price: int
    """Minor units for 1,000,000 base units, accrued interest included."""
    haircut: int
    """What cover does not count of it; enforcement counts all of the price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """What valuers sign: before anything that the register itself credits (`State.credit`)."""

    agreement_id: AgreementId
    exposure: int
    """What the giver owes, were all closed out."""
    required: int
    """What is to be covered: the exposure with threshold, independent amount and rounding applied."""
    as_of: int
    """The second that it is true of."""
    prices: tuple[PricedToken, ...] = ()
    """Of all securities that count as collateral; what is not named is worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CashPayment:
    """What DvP's agents sign: a payment that the payment system booked (ICollateral.Cash)."""

    agreement_id: AgreementId
    call_id: str
    """What was paid: a margin call, or the settlement of a sale. Counts once for an agreement."""
    amount: int
    """To the taker, from the giver or for him; negative: from taker to giver. 63 bits and a sign."""
    epoch: int
    """DvP's epoch whose agents sign: the present one."""
    pledge_id: PledgeId = NO_PLEDGE
    """The pledge whose income claim the taker paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Income:
    """What valuers sign of a coupon or dividend."""

    pledge_id: PledgeId
    income_id: str
    """The payment; counts once for a pledge."""
    record_date: int
    """The second by whose holdings it is paid."""
    entitled: int
    """On what was pledged then: the issuer pays it to the holder."""
    owed: int
    """On what the taker owed then, or had out for sale: he owes it to the giver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act that its party need not submit itself."""

    party: str
    call: bytes
    """Selector and arguments of a call of the register: `signing.call_bytes` of a value of `calls`."""
    nonce: int
    """The party's own number, used once, in any order; 256 bits."""
    by: int
    """The last second, inclusive."""
    together: str = NOT_TOGETHER
    """Else `signing.together_of` all acts that it is to be run with, and no others."""
    signature: bytes = b""
    """65 bytes, or what the party's contract takes (ERC-1271), over `signing.act_digest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where an agreement stands (ICollateral.State)."""

    exposure: int
    required: int
    credit: int
    """What the taker has had of the giver: cash held, and what enforcement took. Above the exposure: owed."""
    valued_at: int
    """As-of time of the latest valuation; 0: none yet."""
    enforce_from: int
    """After which second a declared default can be enforced; 0: none is declared."""
    selling: int
    """Attested price of units that are being sold, or were and whose proceeds are not recorded."""

    @property
    def debt(self) -> int:
        """What the giver still owes, collateral aside."""
        return max(self.exposure - self.credit, 0)

    @property
    def surplus(self) -> int:
        """What the taker has had beyond the exposure, and owes."""
        return max(self.credit - self.exposure, 0)

    @property
    def in_default(self) -> bool:
        return self.enforce_from != 0

    def enforceable(self, now: int) -> bool:
        """Whether notice and cure periods of a declared default are over at a second."""
        return self.in_default and now > self.enforce_from

    def fresh(self, max_age_seconds: int, now: int) -> bool:
        """Whether the latest valuation counts at a second."""
        return self.valued_at != 0 and now <= self.valued_at + max_age_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Units of one security held or owed under an agreement, with its latest price."""

    token: str
    held: int
    price: int
    haircut: int
    priced_at: int
    """As-of time of that price. Older than the agreement's latest valuation: it counts nothing."""

    def covers(self, state: State) -> int:
        """What all of it is worth after the haircut, rounded down, by the agreement's latest valuation."""
        if self.priced_at != state.valued_at:
            return 0
        return divide_down(self.held * self.price * (PARTS - self.haircut), PARTS * PARTS)

    def price_up(self, quantity: int) -> int:
        """The whole price of so many units, rounded up: against him who takes them."""
        return divide_up(quantity * self.price, PARTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """One pledge, or one transfer of title (ICollateral.Pledge)."""

    agreement_id: AgreementId
    parent: PledgeId
    """The pledge whose units are pledged on; NO_PLEDGE: a root, of the giver's own units."""
    token: str
    quantity: int
    """Pledged now."""
    depth: int
    """Links between the root and this one."""
    max_depth: int
    """The greatest depth below it."""
    holder: str
    """In whose account a root's units are earmarked; of others the zero address."""
    reused: int
    """Of these, what the taker has pledged on."""
    reuse_cap: int
    owed: int
    """What the taker owes: of title transferred, or lost further down."""
    recalled: int
    """What the giver wants out of re-use."""
    until: int
    """Last second of its term."""
    selling: int
    """Of these, what is out for sale, with the register or DvP."""

    @property
    def is_root(self) -> bool:
        return self.parent == NO_PLEDGE

    @property
    def releasable(self) -> int:
        """The most that can be released: what is neither out for sale nor needed for what was pledged on."""
        at_hand = self.quantity - self.selling
        if not self.reused:
            return at_hand
        return max(at_hand - divide_up(self.reused * PARTS, self.reuse_cap), 0)

    def reusable(self, now: int) -> int:
        """The most that the taker may pledge on at a second, above what he did."""
        if self.depth >= self.max_depth or now > self.until:
            return 0
        limit = divide_down((self.quantity - self.selling) * self.reuse_cap, PARTS)
        return max(min(limit, self.quantity - self.recalled) - self.reused, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Units out for sale through DvP (ICollateral.Sale)."""

    settlement_id: SettlementId
    pledge_id: PledgeId
    quantity: int
    price: int
    """What they were attested to be worth."""
    floor: int
    """What the giver is credited with once it is settled, whatever it fetched."""
    nonce: int
    open: bool
    """The units are on their way: with DvP, or given back to the register."""
    counted: bool
    """What `price` is above `floor` counts still as about to be paid: until the proceeds are recorded."""
