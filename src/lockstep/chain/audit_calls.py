"""What a transaction presented to DvP, read from its calldata for the auditor: consents to locks, proofs of endings.

Calldata tells only what was sent to the contract itself. Where another contract made the call (a multi-signature
wallet, a bundler), or a function that is not listed here, nothing is shown, and the auditor says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_account.messages import SignableMessage
from web3.exceptions import Web3Exception

from lockstep.chain import audit_typed
from lockstep.chain.node import Node
from lockstep.domain.market import Network

__all__ = ["NEVER", "PAID", "Call", "Calls", "Consent", "consents", "proved_by", "recover_outcome"]

PAID, NEVER = 1, 2
_ENDS = {"settle": PAID, "recordPaid": PAID, "settleBatch": PAID, "giveBack": NEVER}
_PLAIN = ("settle", "recordPaid", "giveBack")
_LOCKS = ("lock", "lockGroup", "lockBatch", "lockPart")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One transaction as DvP got it. `name` is empty where it was sent to another contract, or is no call of DvP's."""

    name: str
    sender: str
    arguments: Mapping[str, Any]

    @property
    def shows_consents(self) -> bool:
        return self.name in _LOCKS

    @property
    def shows_proof(self) -> bool:
        return self.name in _ENDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What both parties signed, and their signatures: the order itself, or the whole that a part belongs to."""

    order: Mapping[str, Any]
    seller: bytes
    buyer: bytes


class Calls:
    """Transactions by hash, each asked for once."""

    def __init__(self, node: Node, dvp: Any) -> None:
        """`dvp` is web3's contract object."""
        self._node, self._dvp = node, dvp
        self._known: dict[str, Call] = {}

    def of(self, transaction: str) -> Call:
        if transaction not in self._known:
            content = self._node.web3.eth.get_transaction(transaction)  # type: ignore[arg-type]
            self._known[transaction] = self._read(content)
        return self._known[transaction]

    def _read(self, content: Any) -> Call:
        sender = str(content["from"])
        if content.get("to") != self._dvp.address:
            return Call(name="", sender=sender, arguments={})
        try:
            function, arguments = self._dvp.decode_function_input(content["input"])
        except (ValueError, Web3Exception):
            return Call(name="", sender=sender, arguments={})
        return Call(name=function.fn_name, sender=sender, arguments=arguments)


def consents(call: Call, order: Mapping[str, Any]) -> Iterator[Consent]:
    """What the call presented for the lock of `order`. In a batch one order may stand twice: each is given."""
    given = call.arguments
    if call.name in ("lock", "lockPart"):
        signed = _plain(given["order"])
        if (call.name == "lock" and signed == order) or (call.name == "lockPart" and _part(signed, given) == order):
            yield Consent(order=signed, seller=given["sellerSignature"], buyer=given["buyerSignature"])
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
    return {
        "movement": {**movement, "quantity": given["quantity"], "nonce": movement["nonce"] + part},
        "terms": {**terms, "part": part, "minimumLot": 0},
    }


def proved_by(network: Network, call: Call, settlement: str, outcome: int, epoch: int) -> tuple[str, ...]:
    """Who signed `outcome` of the settlement in the proof that the call presented; nobody where it presents none."""
    if _ENDS.get(call.name) != outcome:
        return ()
    legs = [call.arguments["leg"]] if call.name in _PLAIN else call.arguments["legs"]
    ids = [audit_typed.order_digest(network, dict(leg["movement"]), leg["hashOfTerms"]) for leg in legs]
    if bytes.fromhex(settlement) not in ids:
        return ()
    if call.name in _PLAIN:
        signed = audit_typed.typed(network, "Outcome", {"settlementId": ids[0], "result": outcome, "epoch": epoch})
    else:
        signed = audit_typed.typed(network, "Outcomes", {"settlementIds": ids, "result": outcome, "epoch": epoch})
    return tuple(_signers(signed, bytes(call.arguments["proof"])))


def _signers(signed: SignableMessage, proof: bytes) -> Iterator[str]:
    """A proof is quorum, bitmap of signers, 64 bytes each, then the absent agents' addresses (IDvP)."""
    count = proof[1].bit_count() if len(proof) > 1 else 0
    each: Sequence[bytes] = [proof[start : start + 64] for start in range(2, 2 + 64 * count, 64)]
    for one in each:
        found = audit_typed.signer(signed, one)
        if found is not None:
            yield found


def recover_outcome(network: Network, settlement: str, outcome: int, epoch: int, signature: bytes) -> str | None:
    """Who signed this outcome (1 paid, 2 never); None if the signature is none."""
    message = {"settlementId": bytes.fromhex(settlement), "result": outcome, "epoch": epoch}
    return audit_typed.signer(audit_typed.typed(network, "Outcome", message), signature)
