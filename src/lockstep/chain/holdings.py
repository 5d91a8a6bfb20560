"""What accounts hold of securities at one block, asked for many at once."""

from collections.abc import Sequence

from lockstep.chain.decoding import checksummed
from lockstep.chain.ledger import call_data, read
from lockstep.chain.node import ContractCall, Node
from lockstep.domain.collateral.sheet import Holding
from lockstep.domain.errors import ContractRefused, LockstepError, Misconfigured
from lockstep.domain.market import Network

__all__ = ["heirs_at", "holdings_at", "registry_of"]

_TOKEN = "SecurityToken"
_QUESTIONS = ("balanceOf", "freeOf", "earmarkedTotalOf", "getFrozenTokens", "isAccountFrozen")


def holdings_at(
    node: Node, network: Network, tokens: Sequence[str], wallets: Sequence[str], block: int
) -> list[Holding]:
    """Each wallet's account in each security; those without anything are left out.

    A security that was deployed after the block is left out. Raises Unavailable, also where the node keeps no state of
    that block: then one that keeps all of it (an archive) is needed.
    """
    there = [one for one in tokens if _is_there(node, one, block)]
    lanes = [network.dvp, *([] if network.collateral is None else [network.collateral])]
    places = [(wallet, token) for token in there for wallet in wallets]
    calls = []
    for wallet, token in places:
        calls += [ContractCall(to=token, data=call_data(_TOKEN, name, wallet)) for name in _QUESTIONS]
        calls += [ContractCall(to=token, data=call_data(_TOKEN, "earmarkedOf", wallet, lane)) for lane in lanes]
    width = len(_QUESTIONS) + len(lanes)
    answers = _numbers(node, calls, block)
    found = []
    for number, (wallet, token) in enumerate(places):
        owned, free, earmarked, frozen, account_frozen, *by_lane = answers[number * width : (number + 1) * width]
        if not (owned or earmarked or frozen or account_frozen):
            continue
        in_register = by_lane[1] if len(by_lane) > 1 else 0
        found.append(
            Holding(
                wallet=checksummed(wallet),
                token=checksummed(token),
                owned=owned,
                free=free,
                in_settlement=by_lane[0],
                in_register=in_register,
                elsewhere=earmarked - by_lane[0] - in_register,
                frozen=frozen,
                account_frozen=bool(account_frozen),
            )
        )
    return found


def heirs_at(node: Node, registry: str, wallets: Sequence[str], block: int) -> dict[str, str]:
    """Of these wallets those that have an heir by that block, with the last in the line. Raises Unavailable."""
    calls = [ContractCall(to=registry, data=call_data("ParticipantRegistry", "heirOf", one)) for one in wallets]
    heirs = [checksummed("0x" + number.to_bytes(20).hex()) for number in _numbers(node, calls, block)]
    return {wallet: heir for wallet, heir in zip(wallets, heirs, strict=True) if heir != wallet}


def registry_of(node: Node, token: str) -> str:
    """The participants' registry that a security asks."""
    (address,) = read(node, _TOKEN, token, "registry")
    return checksummed(address)


def _is_there(node: Node, token: str, block: int) -> bool:
    try:
        read(node, _TOKEN, token, "totalSupply", block=block)
    except Misconfigured:
        return False
    return True


def _numbers(node: Node, calls: Sequence[ContractCall], block: int) -> list[int]:
    found = []
    for answer in node.calls(calls, block) if calls else ():
        if isinstance(answer, ContractRefused) and answer.name == "NotEarmarker":  # a token without that lane
            answer = b""
        if isinstance(answer, LockstepError):
            raise answer
        found.append(int.from_bytes(answer[:32]))
    return found
