"""What accounts hold of securities at one block, asked for many at once."""

from collections.abc import Sequence

from lockstep.chain.decoding import checksummed
from lockstep.chain.deployment import ZERO
from lockstep.chain.ledger import call_data, read
from lockstep.chain.node import ContractCall, Node
from lockstep.domain.collateral.sheet import Holding
from lockstep.domain.errors import ContractRefused, LockstepError, Misconfigured
from lockstep.domain.market import Network

__all__ = ["heirs_at", "holdings_at", "lines_at", "registry_of"]

_TOKEN = "SecurityToken"
_QUESTIONS = ("freeOf", "earmarkedTotalOf", "getFrozenTokens", "isAccountFrozen")


def holdings_at(
    node: Node, network: Network, tokens: Sequence[str], wallets: Sequence[str], block: int
) -> list[Holding]:
    """Each wallet's account in each security that has units; the rest is asked of those alone.

    A security that was deployed after the block is left out. Raises Unavailable, also where the node keeps no state of
    that block: then one that keeps all of it (an archive) is needed.
    """
    there = [one for one in tokens if _is_there(node, one, block)]
    lanes = [network.dvp, *([] if network.collateral is None else [network.collateral])]
    pairs = [(wallet, token) for token in there for wallet in wallets]
    balances = _numbers(node, [_question(token, "balanceOf", wallet) for wallet, token in pairs], block)
    places = [(*pair, balance) for pair, balance in zip(pairs, balances, strict=True) if balance]
    calls = []
    for wallet, token, _ in places:
        calls += [_question(token, name, wallet) for name in _QUESTIONS]
        calls += [_question(token, "earmarkedOf", wallet, lane) for lane in lanes]
    width = len(_QUESTIONS) + len(lanes)
    answers = _numbers(node, calls, block)
    found = []
    for number, (wallet, token, owned) in enumerate(places):
        free, earmarked, frozen, account_frozen, *by_lane = answers[number * width : (number + 1) * width]
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


def _question(token: str, name: str, *arguments: str) -> ContractCall:
    return ContractCall(to=token, data=call_data(_TOKEN, name, *arguments))


def heirs_at(node: Node, registry: str, wallets: Sequence[str], block: int) -> dict[str, str]:
    """Of these wallets those that have an heir by that block, with the last in the line; none before there is a
    registry. Raises Unavailable."""
    calls = [ContractCall(to=registry, data=call_data("ParticipantRegistry", "heirOf", one)) for one in wallets]
    heirs = [checksummed("0x" + number.to_bytes(20).hex()) for number in _numbers(node, calls, block)]
    return {wallet: heir for wallet, heir in zip(wallets, heirs, strict=True) if heir not in (wallet, ZERO)}


def lines_at(node: Node, registry: str, wallets: Sequence[str], block: int) -> dict[str, list[str]]:
    """Each of these wallets with those that succeeded it by that block, in their order. Raises Unavailable."""
    lines, open_ = {one: [one] for one in wallets}, list(dict.fromkeys(wallets))
    while open_:
        ends = [lines[one][-1] for one in open_]
        calls = [ContractCall(to=registry, data=call_data("ParticipantRegistry", "successorOf", one)) for one in ends]
        found = [checksummed("0x" + number.to_bytes(20).hex()) for number in _numbers(node, calls, block)]
        # The registry has no circles: it takes no wallet as successor that was succeeded itself.
        followed = [(one, following) for one, following in zip(open_, found, strict=True) if following != ZERO]
        for one, following in followed:
            lines[one].append(following)
        open_ = [one for one, _ in followed]
    return lines


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
