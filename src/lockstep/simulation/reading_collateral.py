"""What a chain says of its collateral register, read for an auditor: each transaction with the acts it carried out, who
was behind each, and the events that it left.

As `chain.audit` it shares no code with what it judges: eth_abi decodes by the ABI, typed data is hashed and signers are
recovered by eth_account. What a transaction says stays true as long as its block stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cache, lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from lockstep.chain import audit_typed
from lockstep.chain.artifacts import artifact
from lockstep.chain.audit_abi import checksummed, function_in, read_event, selector, topic
from lockstep.chain.node import Node
from lockstep.domain.market import Network
from lockstep.testing.collateral_facts import Act, Around, Event, Proof, Step

__all__ = ["CollateralReader", "ask", "margin_settlement", "pledge_id"]

REGISTER = "CollateralRegister"
ZERO = "0x" + "0" * 40
_AROUND = ("EpochStarted", "Locked", "Settled", "GivenBack")
_AGREEMENT = (
    "address giver,uint8 mode,bytes3 currency,uint24 reuseCap,uint8 maxDepth,bool appropriation,bool substitution,"
    "address taker,uint32 noticePeriod,uint32 curePeriod,uint32 maxAge,bytes32 valuers,uint40 until,uint24 saleFloor,"
    "uint128 salt"
)
_STRUCTS = {
    "Agreement": _AGREEMENT,
    "Amendment": "bytes32 agreementId,Agreement next,uint40 by",
    "Act": "address party,bytes call,uint256 nonce,uint40 by,bytes32 together",
    "Price": "address token,uint64 price,uint24 haircut",
    "Valuation": "bytes32 agreementId,uint64 exposure,uint64 required,uint40 asOf,Price[] prices",
    "Cash": "bytes32 agreementId,bytes32 callId,bytes32 pledgeId,int64 amount,uint32 epoch",
    "Income": "bytes32 pledgeId,bytes32 incomeId,uint40 recordDate,uint64 entitled,uint64 owed",
    "MarginCall": "bytes32 agreementId,bytes12 call",
    "MarginPayment": "bytes32 agreementId,bytes32 callId,bytes32 pledgeId,int64 amount,bytes32 cashHash,bytes16 salt,"
    "uint40 payBy",
}
_INNER = {"Amendment": ("Agreement",), "Valuation": ("Price",)}
_TYPES = {
    name: [dict(zip(("type", "name"), part.split(" "), strict=True)) for part in fields.split(",")]
    for name, fields in _STRUCTS.items()
}


@lru_cache
def _register(network: Network) -> str:
    assert network.collateral is not None
    return checksummed(network.collateral)


def _typed(network: Network, primary: str, message: Mapping[str, Any]) -> SignableMessage:
    domain = {
        "name": "Lockstep Collateral",
        "version": "1",
        "chainId": network.chain_id,
        "verifyingContract": _register(network),
    }
    types = {one: _TYPES[one] for one in (primary, *_INNER.get(primary, ()))}
    return encode_typed_data(domain, types, dict(message))


def _digest(network: Network, primary: str, message: Mapping[str, Any]) -> str:
    return audit_typed.digest(_typed(network, primary, message)).hex()


@lru_cache(maxsize=4096)
def margin_settlement(
    network: Network, agreement: str, pledge: str, amount: int, cash_hash: str, salt: str, pay_by: int
) -> tuple[str, str]:
    """The settlement id that a margin payment of these terms carries, and the id under which it counts. Hex.

    `amount` is signed: what the taker gets. `pledge`: whose income is paid, or zeros. The call's id is of the salt's
    first 12 bytes.
    """
    of_call = _typed(network, "MarginCall", {"agreementId": bytes.fromhex(agreement), "call": bytes.fromhex(salt)[:12]})
    call = bytes(of_call.body)
    message = {
        "agreementId": bytes.fromhex(agreement),
        "callId": call,
        "pledgeId": bytes.fromhex(pledge),
        "amount": amount,
        "cashHash": bytes.fromhex(cash_hash),
        "salt": bytes.fromhex(salt),
        "payBy": pay_by,
    }
    return _digest(network, "MarginPayment", message), call.hex()


class CollateralReader:
    """Reads one market's register through one node. Transactions are read once: a block's hash pins them."""

    def __init__(self, node: Node, network: Network, tokens: Sequence[str]) -> None:
        self._node, self._network = node, network
        self._register, self._dvp = _register(network), checksummed(network.dvp)
        self._tokens = [checksummed(one) for one in tokens]
        self._registry = ""
        self._known: dict[tuple[str, str], tuple[Sequence[Act], str]] = {}

    def fork(self) -> "CollateralReader":
        """A reader for another life of the same chain, which begins with what this one knows."""
        other = copy(self)
        other._known = dict(self._known)
        return other

    def read(self, first: int, last: int) -> list[Step | Around]:
        """What happened in blocks `first` through `last`, in the chain's order."""
        if not self._registry:
            answer = self._node.call(self._register, keccak(text="registry()")[:4], last)
            self._registry = checksummed("0x" + answer[12:32].hex())
        addresses = [self._register, self._dvp, self._registry, *self._tokens]
        logs = sorted(
            self._node.logs(addresses, [], first, last), key=lambda log: (int(log["blockNumber"]), int(log["logIndex"]))
        )
        found: list[Step | Around] = []
        done: set[str] = set()
        for log in logs:
            address, transaction = checksummed(log["address"]), "0x" + bytes(log["transactionHash"]).hex()
            if address == self._register:
                if transaction not in done:
                    done.add(transaction)
                    of_it = [one for one in logs if one["transactionHash"] == log["transactionHash"]]
                    found.append(self._step(transaction, of_it))
            elif address in (self._dvp, self._registry) and log["topics"]:
                found += self._beside(address, log)
        return found

    def _beside(self, address: str, log: Any) -> Iterator[Around]:
        contract = "DvP" if address == self._dvp else "ParticipantRegistry"
        for name in _AROUND if contract == "DvP" else ("Succeeded",):
            if bytes(log["topics"][0]) == topic(contract, name):
                told = _plain(read_event(contract, name, log))
                if name == "EpochStarted":
                    told["body"] = _body(told["epoch"], told["quorum"], told["agents"])
                yield Around(name=name, block=int(log["blockNumber"]), arguments=told)

    def _step(self, transaction: str, logs: Sequence[Any]) -> Step:
        block = int(logs[0]["blockNumber"])
        key = (transaction, bytes(logs[0]["blockHash"]).hex())
        if key not in self._known:
            self._known[key] = self._acts(transaction)
        acts, _ = self._known[key]
        events, transfers = [], []
        for log in logs:
            address, first = checksummed(log["address"]), bytes(log["topics"][0]) if log["topics"] else b""
            if address == self._register:
                name = _events().get(first, "")
                events.append(Event(name, _plain(read_event(REGISTER, name, log)) if name else {}))
            elif address in self._tokens and first == topic("SecurityToken", "Transfer"):
                moved = read_event("SecurityToken", "Transfer", log)
                transfers.append((address, str(moved["from"]), str(moved["to"]), int(moved["value"])))
        return Step(
            block=block,
            at=self._node.block(block).timestamp,
            transaction=transaction,
            acts=acts,
            events=events,
            transfers=transfers,
        )

    # --- who did what

    def _acts(self, transaction: str) -> tuple[Sequence[Act], str]:
        content = self._node.transaction(transaction)
        sender, to = checksummed(content["from"]), content.get("to")
        found = function_in(REGISTER, bytes(content["input"])) if to and checksummed(to) == self._register else None
        if found is None:
            return (), sender
        name, given = found
        if name != "run":
            return (self._act(name, given, party=sender, by_itself=True),), sender
        acts, each = [], given["acts"]
        together = keccak(b"".join(_company(one) for one in each))
        for one in each:
            inner = function_in(REGISTER, bytes(one["call"]))
            called, arguments = inner or ("", {})
            acts.append(
                self._act(
                    called,
                    arguments,
                    party=one["party"],
                    by_itself=one["party"] == sender,
                    is_signed=self._is_signed(one),
                    nonce=one["nonce"],
                    by=one["by"],
                    is_together=bytes(one["together"]) in (bytes(32), together),
                )
            )
        return tuple(acts), sender

    def _is_signed(self, one: Mapping[str, Any]) -> bool:
        message = {name: one[name] for name in ("party", "call", "nonce", "by", "together")}
        signer = audit_typed.signer(_typed(self._network, "Act", message), bytes(one["signature"]))
        return bool(signer == one["party"])

    def _act(self, name: str, given: Mapping[str, Any], **of: Any) -> Act:
        read = getattr(self, f"_of_{name}", None)
        return Act(name=name, arguments=_plain(given), **of, **(read(given) if read else {}))

    def _of_open(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return self._agreed(given, "Agreement", dict(given["agreement"]))

    def _of_amend(self, given: Mapping[str, Any]) -> dict[str, Any]:
        message = {"agreementId": given["id"], "next": dict(given["next"]), "by": given["by"]}
        return self._agreed(given, "Amendment", message)

    def _agreed(self, given: Mapping[str, Any], primary: str, message: Mapping[str, Any]) -> dict[str, Any]:
        typed = _typed(self._network, primary, message)
        signers = {audit_typed.signer(typed, bytes(given[f"{one}Signature"])) for one in ("giver", "taker")}
        return {"derived": audit_typed.digest(typed).hex(), "consents": frozenset(one for one in signers if one)}

    def _of_recordTitle(self, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 -- the call's own name
        return {"derived": self._order_id(given)}

    def _of_recordReturn(self, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 -- the call's own name
        return {"derived": self._order_id(given)}

    def _of_sell(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"derived": self._order_id(given)}

    def _order_id(self, given: Mapping[str, Any]) -> str:
        order = {"movement": dict(given["order"]["movement"]), "terms": dict(given["order"]["terms"])}
        return audit_typed.digest(audit_typed.typed(self._network, "Order", order)).hex()

    def _of_value(self, given: Mapping[str, Any]) -> dict[str, Any]:
        valuation = dict(given["valuation"])
        valuation["prices"] = [dict(one) for one in valuation["prices"]]
        return {"proof": _proof(_typed(self._network, "Valuation", valuation), bytes(given["proof"]), 0)}

    def _of_recordCash(self, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 -- the call's own name
        cash = dict(given["cash"])
        return {"proof": _proof(_typed(self._network, "Cash", cash), bytes(given["proof"]), cash["epoch"])}

    def _of_recordIncome(self, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802 -- the call's own name
        return {"proof": _proof(_typed(self._network, "Income", dict(given["income"])), bytes(given["proof"]), 0)}


def ask(node: Node, contract: str, address: str, view: str, words: Sequence[bytes], block: int) -> Sequence[Any]:
    """What a view function answers, given arguments of a word each; structs as mappings, bytes as hex."""
    entry = _view(contract, view)
    answer = node.call(address, selector(contract, view) + b"".join(words), block)
    values = decode([collapse_if_tuple(one) for one in entry["outputs"]], answer)
    return [_shown(item, value) for item, value in zip(entry["outputs"], values, strict=True)]


@cache
def _view(contract: str, name: str) -> Any:
    return next(one for one in artifact(contract).abi if one["type"] == "function" and one["name"] == name)


def _shown(item: Any, value: Any) -> Any:
    if item["type"] != "tuple":
        return _plain(value)
    return {one["name"]: _plain(part) for one, part in zip(item["components"], value, strict=True)}


def pledge_id(agreement: str, parent: str, token: str, salt: str) -> str:
    """A pledge's id by its content. Hex."""
    types = ["bytes32", "bytes32", "address", "bytes32"]
    return keccak(encode(types, [*map(bytes.fromhex, (agreement, parent)), token, bytes.fromhex(salt)])).hex()


def _company(act: Mapping[str, Any]) -> bytes:
    return keccak(encode(["address", "bytes32"], [act["party"], keccak(bytes(act["call"]))]))


def _body(number: int, quorum: int, addresses: Sequence[str]) -> str:
    words = [number, quorum, *(int(one, 16) for one in addresses)]
    return keccak(b"".join(one.to_bytes(32) for one in words)).hex()


def _proof(signed: SignableMessage, proof: bytes, number: int) -> Proof:
    """A proof is quorum, bitmap of signers, 64 bytes each, then the absent agents' addresses (IDvP)."""
    if len(proof) < 2:
        return Proof(signers=0, quorum=0, body="")
    quorum, bits = proof[0], proof[1]
    rest = 2 + 64 * bits.bit_count()
    signatures = [proof[start : start + 64] for start in range(2, rest, 64)]
    absent = ["0x" + proof[start : start + 20].hex() for start in range(rest, len(proof), 20)]
    names, found = [], 0
    for place in range(len(signatures) + len(absent)):
        if bits >> place & 1:
            signer = audit_typed.signer(signed, signatures.pop(0)) if signatures else None
            found += signer is not None
            names.append(signer or ZERO)
        elif absent:
            names.append(absent.pop(0))
    return Proof(signers=found, quorum=quorum, body=_body(number, quorum, names))


@cache
def _events() -> Mapping[bytes, str]:
    """The register's own events by topic."""
    names = [one["name"] for one in artifact(REGISTER).abi if one["type"] == "event"]
    return {topic(REGISTER, name): name for name in names}


def _plain(value: Any) -> Any:
    """Bytes as hex; of mappings and lists likewise."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
