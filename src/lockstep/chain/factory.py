"""The contract that creates the others by CREATE2, so that their addresses are known before anything is sent.

An address is keccak256(0xff, factory, salt, keccak256(creation code and arguments))[12:] (EIP-1014). It depends on no
key and no counter: whoever sends the same bytes creates the same contract, or finds it there.

The factory is Arachnid's deterministic deployment proxy (github.com/Arachnid/deterministic-deployment-proxy), on most
chains already. Its transaction carries a made-up signature (r and s are all twos), so nobody has the key of its sender
and its address is the same everywhere. It names no chain; nodes may refuse it for that (EIP-155). There the deployer
creates the same code as its own first transaction: the address is then a function of the deployer's.
"""

from dataclasses import dataclass

from eth_typing import HexAddress, HexStr
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak
from web3.types import Nonce
from web3.utils.address import get_create_address

from lockstep.chain.deployment import Deployer
from lockstep.chain.node import Node
from lockstep.domain.errors import InvalidInput, LockstepError, Misconfigured

__all__ = ["KINDS", "Factory", "create2_address", "ensure_factory", "find_factory", "salt_of"]

PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
PROXY_SENDER = "0x3fAB184622Dc19b6109349B94811493BF2a45362"
PROXY_RUNTIME = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f580151560395781"
    "82fd5b8082525050506014600cf3"
)
PROXY_CREATION = bytes.fromhex("604580600e600039806000f350fe") + PROXY_RUNTIME
PROXY_TRANSACTION = (
    bytes.fromhex("f8a58085174876e800830186a08080b853")
    + PROXY_CREATION
    + bytes.fromhex("1ba0" + "22" * 32 + "a0" + "22" * 32)
)
"""Legacy, nonce 0, 100 gwei a gas, 100,000 gas, v = 27: byte for byte what the proxy's repository publishes."""

PROXY_GAS_PRICE = 100 * 10**9
PROXY_COST = 100_000 * PROXY_GAS_PRICE

KINDS = ("keyless", "deployer")

_UNPROTECTED = ("eip-155", "eip155", "replay-protected", "replay protected", "unprotected")
"""In what nodes say of a transaction that names no chain (geth, Besu, Nethermind)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factory:
    """Where the factory is or will be, and how it comes there: `keyless`, or as the `deployer`'s first transaction."""

    address: str
    kind: str


def salt_of(text: str) -> bytes:
    """32 bytes: the salt itself where it is written as 0x and 64 hex digits, else the text's keccak256."""
    if text.startswith("0x") and len(text) == 66:
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            raise InvalidInput("salt", text, "0x and 64 hex digits, or any other text") from None
    return keccak(text=text)


def create2_address(factory: str, salt: bytes, init_code: bytes) -> str:
    """Where the factory puts what `init_code` (creation code and arguments) creates."""
    whole = b"\xff" + to_canonical_address(factory) + salt + keccak(init_code)
    return str(to_checksum_address(keccak(whole)[12:]))


def factory_of(kind: str, deployer: str) -> Factory:
    """The factory of a kind. Raises InvalidInput for another."""
    if kind not in KINDS:
        raise InvalidInput("factory/kind", kind, f"one of {', '.join(KINDS)}")
    if kind == "keyless":
        return Factory(address=PROXY, kind=kind)
    return Factory(address=str(get_create_address(HexAddress(HexStr(deployer)), Nonce(0))), kind=kind)


def find_factory(node: Node, deployer: str, kind: str | None = None) -> Factory:
    """The factory to use on this chain; sends nothing that costs or changes anything.

    One that is there is taken, the keyless one first. Where none is, the published transaction is offered, before its
    sender has any money: a node that takes no such transactions says so, and then the deployer's own is taken.
    `kind` decides it instead. Raises Misconfigured where other code is there, InvalidInput where the deployer's
    first transaction is spent already.
    """
    wanted = [factory_of(one, deployer) for one in KINDS if kind in (None, one)]
    if not wanted:
        raise InvalidInput("factory/kind", kind, f"one of {', '.join(KINDS)}")
    for factory in wanted:
        if _is_there(node, factory):
            return factory
    chosen = wanted[0]
    if kind is None and _refuses_unprotected(node):
        chosen = wanted[1]
    if chosen.kind == "deployer" and (count := node.transaction_count(deployer)):
        raise InvalidInput("roles/deployer", deployer, f"a key that has sent nothing on this chain: it sent {count}")
    return chosen


def ensure_factory(node: Node, factory: Factory, deployer: Deployer) -> None:
    """Puts the factory there unless it is. Raises Misconfigured where the chain does not take it after all."""
    if _is_there(node, factory):
        return
    if factory.kind == "deployer":
        deployer.create(PROXY_CREATION)
    else:
        if node.base_fee() > PROXY_GAS_PRICE:
            raise Misconfigured(
                f"the factory's published transaction pays {PROXY_GAS_PRICE} wei a gas, this chain asks for "
                f"{node.base_fee()}: wait, or take the deployer's own factory"
            )
        missing = PROXY_COST - node.balance(PROXY_SENDER)
        if missing > 0:
            deployer.pay(PROXY_SENDER, missing)
            deployer.flush()
        try:
            deployer.broadcast(PROXY_TRANSACTION)
        except LockstepError as error:
            raise Misconfigured(
                f"the keyless factory: {error}; the deployer's own needs no such transaction"
            ) from error
    deployer.flush()
    if not _is_there(node, factory):
        raise Misconfigured(f"no factory came to be at {factory.address}")


def _is_there(node: Node, factory: Factory) -> bool:
    code = node.code(factory.address)
    if code and code != PROXY_RUNTIME:
        raise Misconfigured(f"{factory.address} has other code than the deterministic deployment proxy")
    return bool(code)


def _refuses_unprotected(node: Node) -> bool:
    if node.balance(PROXY_SENDER) >= PROXY_COST:
        return False  # it would be carried out, and this is only a question
    objection = (node.broadcast(PROXY_TRANSACTION) or "").lower()
    return any(words in objection for words in _UNPROTECTED)
