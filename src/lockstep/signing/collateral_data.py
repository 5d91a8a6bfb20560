"""The typed data of the collateral register (EIP-712), hashed as `contracts/collateral/CollateralTypedData.sol` does.

Domain: `Lockstep Collateral`, version 1, the chain's id, the register's address. What does not fit its type is a
ValueError, as in `typed_data`.
"""

from collections.abc import Sequence
from functools import lru_cache

from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    Act,
    Agreement,
    AgreementId,
    CashPayment,
    Income,
    PledgeId,
    Register,
    Valuation,
)
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.margin_payment import CALL_DIGITS, MarginPayment
from lockstep.domain.order import Epoch
from lockstep.signing.typed_data import cash_hash
from lockstep.signing.words import address_word, hash_word, keccak, number_word, text_hash

__all__ = [
    "act_digest",
    "agreement_id",
    "amendment_digest",
    "cash_digest",
    "income_digest",
    "margin_call_id",
    "margin_cash",
    "margin_id",
    "pledge_id",
    "together_of",
    "valuation_digest",
    "valuers_epoch",
    "valuers_hash",
]

_AGREEMENT = (
    "Agreement(address giver,uint8 mode,bytes3 currency,uint24 reuseCap,uint8 maxDepth,bool appropriation,"
    "bool substitution,address taker,uint32 noticePeriod,uint32 curePeriod,uint32 maxAge,bytes32 valuers,"
    "uint40 until,uint24 saleFloor,uint128 salt)"
)
_PRICE = "Price(address token,uint64 price,uint24 haircut)"
_DOMAIN_TYPE = text_hash("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AGREEMENT_TYPE = text_hash(_AGREEMENT)
_AMENDMENT_TYPE = text_hash(f"Amendment(bytes32 agreementId,Agreement next,uint40 by){_AGREEMENT}")
_PRICE_TYPE = text_hash(_PRICE)
_VALUATION_TYPE = text_hash(
    f"Valuation(bytes32 agreementId,uint64 exposure,uint64 required,uint40 asOf,Price[] prices){_PRICE}"
)
_CASH_TYPE = text_hash("Cash(bytes32 agreementId,bytes32 callId,bytes32 pledgeId,int64 amount,uint32 epoch)")
_MARGIN_CALL_TYPE = text_hash("MarginCall(bytes32 agreementId,bytes12 call)")
_MARGIN_TYPE = text_hash(
    "MarginPayment(bytes32 agreementId,bytes32 callId,bytes32 pledgeId,int64 amount,"
    "bytes32 cashHash,bytes16 salt,uint40 payBy)"
)
_INCOME_TYPE = text_hash("Income(bytes32 pledgeId,bytes32 incomeId,uint40 recordDate,uint64 entitled,uint64 owed)")
_ACT_TYPE = text_hash("Act(address party,bytes call,uint256 nonce,uint40 by,bytes32 together)")
_NAME, _VERSION = text_hash("Lockstep Collateral"), text_hash("1")

MOST_VALUERS = 8
"""Contracts take proofs of at most so many (contracts/libraries/Proofs.sol)."""


@lru_cache
def _domain_separator(chain_id: int, address: str) -> bytes:
    words = (_DOMAIN_TYPE, _NAME, _VERSION, number_word(chain_id, 256), address_word(address))
    return keccak(b"".join(words))


def _digest(register: Register, struct_hash: bytes) -> bytes:
    return keccak(b"\x19\x01" + _domain_separator(register.chain_id, register.address) + struct_hash)


def agreement_words(agreement: Agreement) -> bytes:
    """The struct as the ABI and EIP-712 both have it: 15 words."""
    one = agreement
    return b"".join(
        (
            address_word(one.giver),
            number_word(int(one.mode), 8),
            _currency_word(one.currency),
            number_word(one.reuse_cap, 24),
            number_word(one.max_depth, 8),
            number_word(int(one.appropriation), 8),
            number_word(int(one.substitution), 8),
            address_word(one.taker),
            number_word(one.notice_seconds, 32),
            number_word(one.cure_seconds, 32),
            number_word(one.max_age_seconds, 32),
            hash_word(one.valuers),
            number_word(one.until, 40),
            number_word(one.sale_floor, 24),
            number_word(one.salt, 128),
        )
    )


def _currency_word(code: str) -> bytes:
    """bytes3, at the word's left. Latin-1, so that whatever stands on the chain comes back as it is."""
    raw = code.encode("latin-1")
    if len(raw) != 3:
        raise ValueError(f"{code!a} is not three characters")
    return raw.ljust(32, b"\0")


def _signed_word(value: int, bits: int) -> bytes:
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise ValueError(f"{value} is no int{bits}")
    return value.to_bytes(32, "big", signed=True)


def agreement_id(agreement: Agreement, register: Register) -> AgreementId:
    """The digest that both sign, hex: the agreement's id for ever."""
    return AgreementId(_digest(register, keccak(_AGREEMENT_TYPE + agreement_words(agreement))).hex())


def amendment_digest(agreement: AgreementId, following: Agreement, by: int, register: Register) -> bytes:
    """What both sign to put other terms in an agreement's place until the second `by`."""
    terms = keccak(_AGREEMENT_TYPE + agreement_words(following))
    return _digest(register, keccak(_AMENDMENT_TYPE + hash_word(agreement) + terms + number_word(by, 40)))


def act_digest(act: Act, register: Register) -> bytes:
    """What the act's party signs."""
    words = (
        address_word(act.party),
        keccak(act.call),
        number_word(act.nonce, 256),
        number_word(act.by, 40),
        hash_word(act.together),
    )
    return _digest(register, keccak(_ACT_TYPE + b"".join(words)))


def together_of(acts: Sequence[Act]) -> str:
    """What each party signs as `together` so that its act counts only as one of these, in this order; hex.

    Only parties and calls matter: it is known before anybody signs.
    """
    return keccak(b"".join(keccak(address_word(one.party) + keccak(one.call)) for one in acts)).hex()


def valuation_digest(valuation: Valuation, register: Register) -> bytes:
    """What each valuer signs."""
    one = valuation
    prices = b"".join(
        keccak(_PRICE_TYPE + address_word(each.token) + number_word(each.price, 64) + number_word(each.haircut, 24))
        for each in one.prices
    )
    words = (
        hash_word(one.agreement_id),
        number_word(one.exposure, 64),
        number_word(one.required, 64),
        number_word(one.as_of, 40),
        keccak(prices),
    )
    return _digest(register, keccak(_VALUATION_TYPE + b"".join(words)))


def cash_words(cash: CashPayment) -> bytes:
    """The struct as the ABI and EIP-712 both have it: 5 words."""
    return b"".join(
        (
            hash_word(cash.agreement_id),
            hash_word(cash.call_id),
            hash_word(cash.pledge_id),
            _signed_word(cash.amount, 64),
            number_word(cash.epoch, 32),
        )
    )


def cash_digest(cash: CashPayment, register: Register) -> bytes:
    """What each of DvP's agents signs of a booked payment."""
    return _digest(register, keccak(_CASH_TYPE + cash_words(cash)))


def margin_call_id(agreement: AgreementId, salt: str) -> str:
    """Under which id the register counts a payment of this salt, hex: one for all attempts at one call."""
    call = bytes.fromhex(salt[:CALL_DIGITS])
    return keccak(_MARGIN_CALL_TYPE + hash_word(agreement) + call.ljust(32, b"\0")).hex()


def margin_id(payment: MarginPayment, register: Register) -> SettlementId:
    """What a margin payment carries as its settlement id: all of its terms, for this register on this chain."""
    one = payment
    salt = bytes.fromhex(one.salt)
    if len(salt) != 16:
        raise ValueError(f"{one.salt} is not 32 hex digits")
    words = (
        hash_word(one.agreement_id),
        hash_word(margin_call_id(one.agreement_id, one.salt)),
        hash_word(one.pledge_id),
        _signed_word(one.signed_amount, 64),
        hash_word(cash_hash(one.salt, one.amount, one.debtor, one.creditor)),
        salt.ljust(32, b"\0"),
        number_word(one.pay_by, 40),
    )
    return SettlementId(_digest(register, keccak(_MARGIN_TYPE + b"".join(words))).hex())


def margin_cash(payment: MarginPayment, epoch: int) -> CashPayment:
    """What agents sign of it once it is booked."""
    return CashPayment(
        agreement_id=payment.agreement_id,
        call_id=margin_call_id(payment.agreement_id, payment.salt),
        pledge_id=payment.pledge_id,
        amount=payment.signed_amount,
        epoch=epoch,
    )


def income_words(income: Income) -> bytes:
    """The struct as the ABI and EIP-712 both have it: 5 words."""
    return b"".join(
        (
            hash_word(income.pledge_id),
            hash_word(income.income_id),
            number_word(income.record_date, 40),
            number_word(income.entitled, 64),
            number_word(income.owed, 64),
        )
    )


def income_digest(income: Income, register: Register) -> bytes:
    """What each valuer signs of a coupon or dividend."""
    return _digest(register, keccak(_INCOME_TYPE + income_words(income)))


def pledge_id(agreement: AgreementId, token: str, salt: str, parent: PledgeId = NO_PLEDGE) -> PledgeId:
    """A pledge's id, known before it is made. `salt` of title by a DvP settlement is the settlement's id."""
    words = (hash_word(agreement), hash_word(parent), address_word(token), hash_word(salt))
    return PledgeId(keccak(b"".join(words)).hex())


def valuers_epoch(valuers: Sequence[str], quorum: int) -> Epoch:
    """Valuers as proofs are made of them: an epoch of number 0, ascending. Raises InvalidInput."""
    ascending = tuple(sorted(valuers, key=lambda one: int(one, 16)))
    if not 0 < len(ascending) <= MOST_VALUERS:
        raise InvalidInput("valuers", len(ascending), f"1 to {MOST_VALUERS}")
    if len({one.lower() for one in ascending}) < len(ascending):
        raise InvalidInput("valuers", ", ".join(ascending), "each once")
    if not 0 < quorum <= len(ascending):
        raise InvalidInput("quorum", quorum, f"1 to {len(ascending)}, of so many valuers")
    return Epoch(number=0, agents=ascending, quorum=quorum)


def valuers_hash(valuers: Epoch) -> str:
    """What an agreement names as its valuers: keccak256 of 0, the quorum and the addresses, a word each; hex."""
    words = (number_word(valuers.number, 32), number_word(valuers.quorum, 8), *map(address_word, valuers.agents))
    return keccak(b"".join(words)).hex()
