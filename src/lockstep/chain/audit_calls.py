"""What a transaction presented to DvP, read from its calldata for the auditor: consents to locks, proofs of endings.

Calldata tells only what was sent to the contract itself. Where another contract made the call (a multi-signature
wallet, a bundler), or a function that is not listed here, nothing is shown, and the auditor says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_account.messages import SignableMessage

from lockstep.chain import audit_typed
from lockstep.chain.audit_abi import checksummed, function_in
from lockstep.chain.node import Node
from lockstep.domain.market import Network

__all__ = [
    "LOCK_NET",
    "NEVER",
    "PAID",
    "PROPOSE_STOP",
    "Call",
    "Calls",
    "Consent",
    "consents",
    "proof_in",
    "recover_outcome",
]

PAID, NEVER = 1, 2
_ENDS = {
    "settle": PAID,
    "recordPaid": PAID,
    "settleBatch": PAID,
    "giveBack": NEVER,
    "settleNet": PAID,
    "recordPaidNet": PAID,
    "giveBackNet": NEVER,
    "settleNetOf": PAID,
    "giveBackNetOf": NEVER,
}
_PLAIN = ("settle", "recordPaid", "giveBack")
_NET = ("settleNet", "recordPaidNet", "giveBackNet", "settleNetOf", "giveBackNetOf")
_LOCKS = ("lock", "lockGroup", "lockBatch", "lockPart")
LOCK_NET = "lockNet"
SALE = "CollateralRegister.sell"
"""The collateral register's call, or one of those that it runs: as their seller it locks the orders of its sales."""
PROPOSE_STOP = ("proposeLongStop", "proposeNetLongStop")
_CONFIRM_STOP = ("confirmLongStop", "confirmNetLongStop")

_FIRST_NONCE_OF_PARTS, _PARTS_PER_NONCE = 2**63, 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One transaction as DvP got it. `name` is empty where it was sent to another contract, or is no call of DvP's."""

    name: str
    sender: str
    arguments: Mapping[str, Any]

    @property
    def shows_consents(self) -> bool:
        return self.name in (*_LOCKS, SALE)

    @property
    def shows_proof(self) -> bool:
        return self.name in _ENDS

    @property
    def confirms_stop(self) -> bool:
        """Of one security of a cycle, where its give-back brings no proof."""
        return self.name in _CONFIRM_STOP or (self.name == "giveBackNetOf" and not self.arguments["proof"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What both parties signed, and their signatures: the order itself, or the whole that a part belongs to.

    `part` is then what the seller signed besides, for this part alone (typed data Part without its order);
    `part_signature` is None where the seller made the call: that is its word.
    """

    order: Mapping[str, Any]
    seller: bytes
    buyer: bytes
    part: Mapping[str, Any] | None = None
    part_signature: bytes | None = None


class Calls:
    """Transactions by hash, each asked for once."""

    def __init__(self, node: Node, dvp: str, register: str | None = None) -> None:
        """`register`: the market's collateral register."""
        self._node, self._dvp, self._register = node, dvp, register
        self._known: dict[str, Call] = {}

    def fork(self) -> "Calls":
        """Another, which begins with what this one knows."""
        other = Calls(self._node, self._dvp, self._register)
        other._known = dict(self._known)
        return other

    def of(self, transaction: str) -> Call:
        if transaction not in self._known:
            self._known[transaction] = self._read(self._node.transaction(transaction))
        return self._known[transaction]

    def _read(self, content: Any) -> Call:
        sender, receiver = checksummed(content["from"]), content.get("to")
        if receiver and checksummed(receiver) == self._register:
            sales = list(_sales(function_in("CollateralRegister", bytes(content["input"]))))
            return Call(name=SALE if sales else "", sender=sender, arguments={"sales": sales})
        found = function_in("DvP", bytes(content["input"])) if receiver and checksummed(receiver) == self._dvp else None
        name, arguments = found or ("", {})
        return Call(name=name, sender=sender, arguments=arguments)


def _sales(found: tuple[str, Mapping[str, Any]] | None) -> Iterator[Mapping[str, Any]]:
    """The arguments of each `sell` in a call of the collateral register."""
    if found is not None and found[0] == "sell":
        yield found[1]
    for one in found[1]["acts"] if found is not None and found[0] == "run" else ():
        yield from _sales(function_in("CollateralRegister", bytes(one["call"])))


def consents(call: Call, order: Mapping[str, Any]) -> Iterator[Consent]:
    """What the call presented for the lock of `order`. In a batch one order may stand twice: each is given."""
    given = call.arguments
    if call.name == "lock":
        signed = _plain(given["order"])
        if signed == order:
            yield Consent(order=signed, seller=given["sellerSignature"], buyer=given["buyerSignature"])
    elif call.name == "lockPart":
        signed = _plain(given["order"])
        if _part(signed, given) == order:
            by_seller = call.sender == signed["movement"]["seller"]
            yield Consent(
                order=signed,
                seller=given["sellerSignature"],
                buyer=given["buyerSignature"],
                part={"part": given["part"], "quantity": given["quantity"]},
                part_signature=None if by_seller else given["partSignature"],
            )
    elif call.name == SALE:
        for sale in given["sales"]:  # the register itself is asked whether it sells this
            signed = _plain(sale["order"])
            if signed == order:
                yield Consent(order=signed, seller=b"", buyer=sale["buyerSignature"])
    elif call.name in ("lockGroup", "lockBatch"):
        for leg in given["legs"]:
            signed = _plain(leg["order"])
            if signed == order:
                yield Consent(order=signed, seller=leg["sellerSignature"], buyer=leg["buyerSignature"])


def _plain(order: Any) -> dict[str, Any]:
    return {"movement": dict(order["movement"]), "terms": dict(order["terms"])}


def _part(whole: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The order of a part, as IDvP.lockPart derives it from the whole."""
    movement, terms, part = whole["movement"], whole["terms"], given["part"]
    nonce = _FIRST_NONCE_OF_PARTS + _PARTS_PER_NONCE * movement["nonce"] + part
    return {
        "movement": {**movement, "quantity": given["quantity"], "nonce": nonce},
        "terms": {**terms, "part": part, "minimumLot": 0},
    }


def proof_in(network: Network, call: Call, outcome: int, epoch: int) -> tuple[frozenset[str], tuple[str, ...]]:
    """(settlements, who signed `outcome` for all of them) of the proof that the call presented; empty: it has none.

    One proof may be over a batch of a hundred: read it once.
    """
    if _ENDS.get(call.name) != outcome:
        return frozenset(), ()
    if call.name in _NET:
        ids = [bytes(call.arguments["id"])]
    else:
        legs = [call.arguments["leg"]] if call.name in _PLAIN else call.arguments["legs"]
        ids = [audit_typed.order_digest(network, dict(leg["movement"]), leg["hashOfTerms"]) for leg in legs]
    if call.name in (*_PLAIN, *_NET):
        signed = audit_typed.typed(network, "Outcome", {"settlementId": ids[0], "result": outcome, "epoch": epoch})
    else:
        signed = audit_typed.typed(network, "Outcomes", {"settlementIds": ids, "result": outcome, "epoch": epoch})
    return frozenset(one.hex() for one in ids), tuple(_signers(signed, bytes(call.arguments.get("proof", b""))))


def _signers(signed: SignableMessage, proof: bytes) -> Iterator[str]:
    """A proof is quorum, bitmap of signers, 64 bytes each, then the absent agents' addresses (IDvP)."""
    count = proof[1].bit_count() if len(proof) > 1 else 0
    each: Sequence[bytes] = [proof[start : start + 64] for start in range(2, 2 + 64 * count, 64)]
    for one in each:
        found = audit_typed.signer(signed, one)
        if found is not None:
            yield found


@lru_cache(maxsize=4096)
def recover_outcome(network: Network, settlement: str, outcome: int, epoch: int, signature: bytes) -> str | None:
    """Who signed this outcome (1 paid, 2 never); None if the signature is none."""
    message = {"settlementId": bytes.fromhex(settlement), "result": outcome, "epoch": epoch}
    return audit_typed.signer(audit_typed.typed(network, "Outcome", message), signature)
