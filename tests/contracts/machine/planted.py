"""Bugs to plant in the contracts, to see that the machine finds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from .artifacts import mutant
from .reading import Layout
from .runner import Tally, Violation, run_seed
from .world import World

__all__ = ["PLANTED", "Planted", "calls_until_found"]

STEPS = 500
DELIVERS_ALL = """\
        emit IDvP.Settled(id);
        for (uint256 i = 0; i < net.movements.length; ++i) {
            // All or none: one refusal is meant to undo the rest.
            // slither-disable-next-line calls-loop
            ISecurityToken(net.movements[i].token).settleNet(net.movements[i].positions);
        }
"""


@dataclass(frozen=True)
class Planted:
    """`contract` with one text replaced in each named file."""

    name: str
    contract: str
    changes: Mapping[str, tuple[str, str]]


PLANTED = (
    Planted(
        "units that were paid go back to the seller",
        "DvP",
        {
            "DvP.sol": (
                "        (slot, pair, status) = _open(id, movement);\n"
                "        if (status != Status.Locked) revert WrongStatus(id, status, Status.Locked);\n",
                "        (slot, pair, status) = _open(id, movement);\n",
            )
        },
    ),
    Planted(
        "net positions need not balance",
        "SecurityToken",
        {
            "libraries/Positions.sol": (
                "        if (sum != 0) revert ISecurityToken.UnbalancedNet(sum);\n",
                "        if (sum > 2 ** 94) revert ISecurityToken.UnbalancedNet(sum);\n",
            )
        },
    ),
    Planted(
        "earmarks of the second lane count as free",
        "SecurityToken",
        {
            "libraries/Accounts.sol": (
                "return earmarked(account, LANE_0) + earmarked(account, LANE_1) + earmarked(account, LANE_2);",
                "return earmarked(account, LANE_0) + earmarked(account, LANE_2);",
            )
        },
    ),
    Planted(
        "a party of a cycle gives more than it signed",
        "DvP",
        {
            "libraries/Sheets.sol": (
                "if slt(mload(add(net, offset)), least) { break }",
                "if slt(add(mload(add(net, offset)), 100), least) { break }",
            )
        },
    ),
    Planted(
        "a delivered cycle is not written down",
        "DvP",
        {
            "DvPNet.sol": (
                "Cycles.from(IDvP.Status.Settled, hash);\n        emit",
                "Cycles.from(status, hash);\n        emit",
            )
        },
    ),
    Planted(
        "a token that calls back delivers a cycle twice",
        "DvP",
        {
            "DvPNet.sol": (
                "        _state.cycles[id] = Cycles.from(IDvP.Status.Settled, hash);\n" + DELIVERS_ALL,
                f"{DELIVERS_ALL}        _state.cycles[id] = Cycles.from(IDvP.Status.Settled, hash);\n",
            )
        },
    ),
    Planted(
        "a security of a cycle ends again and again",
        "DvP",
        {"DvPNet.sol": ("left &= ~(1 << place);", "left &= ~(1 << (place + 200));")},
    ),
    Planted(
        "a cycle may be split before it had its time",
        "DvP",
        {"DvPNet.sol": ("if (!from.hasPassed()) revert", "if (from == 0) revert")},
    ),
    Planted(
        "net positions may be presented that were never locked",
        "DvP",
        {"DvPNet.sol": ("if (hash != presented) revert", "if (hash != presented && net.movements.length == 0) revert")},
    ),
    Planted(
        "who trades but moves nothing is not judged",
        "ParticipantRegistry",
        {
            "ParticipantRegistry.sol": (
                "            if (!_records[wallet].mayHold(rules)) _refuse(wallet, rules);\n"
                "        }\n        return true;",
                "            if (positions[i].net() != 0 && !_records[wallet].mayHold(rules)) _refuse(wallet, rules);\n"
                "        }\n        return true;",
            )
        },
    ),
    Planted(
        "a cycle's long stop outlives its epoch",
        "DvP",
        {"libraries/DvPState.sol": ("return stop.epoch == state.currentEpoch ? stop.from : 0;", "return stop.from;")},
    ),
    Planted(
        "the seller is not asked which part goes",
        "DvP",
        {"DvP.sol": ("if (msg.sender == seller) return;", "if (msg.sender == seller || part > 1) return;")},
    ),
    Planted(
        "the buyer's signature is not asked for",
        "DvP",
        {
            "DvP.sol": (
                "        if (!movement.buyer.isFrom(id, buyerSignature)) "
                "revert InvalidSignature(id, movement.buyer);\n",
                "        buyerSignature;\n",
            )
        },
    ),
    Planted(
        "a registration counts one second less",
        "ParticipantRegistry",
        {
            "libraries/Records.sol": (
                "iszero(lt(shr(expiryBit, record), add(active, timestamp())))",
                "gt(shr(expiryBit, record), add(active, timestamp()))",
            )
        },
    ),
    Planted(
        "a batch delivers again what ended",
        "DvP",
        {
            "DvP.sol": (
                "if (prefix != Lanes.prefixOf(id) || (status != Status.Locked && status != Status.Paid)) {",
                "if (prefix != Lanes.prefixOf(id)) {",
            )
        },
    ),
    Planted(
        "a long stop may begin at payBy",
        "DvP",
        {"libraries/DvPState.sol": ("uint40 from = payBy + GRACE;", "uint40 from = payBy;")},
    ),
    Planted(
        "writing a lane wipes its neighbour",
        "DvP",
        {
            "libraries/Lanes.sol": (
                "(LanePair.unwrap(pair) & ~(LANE_MASK << shift)) | (lane << shift)",
                "(LanePair.unwrap(pair) & 0) | (lane << shift)",
            )
        },
    ),
    Planted(
        "an order in parts is delivered beyond its quantity",
        "DvP",
        {"DvP.sol": ("lockedInParts[id] = movement.quantity - remaining;", "lockedInParts[id] = locked | 1;")},
    ),
    Planted(
        "units released for a lost wallet stay there",
        "SecurityToken",
        {
            "SecurityToken.sol": (
                "sender, quantity);\n        if (account.has(Accounts.RECOVERED)) {",
                "sender, quantity);\n        if (account.has(Accounts.RECOVERED) && quantity == 0) {",
            )
        },
    ),
    Planted(
        "an allowance is not used up",
        "SecurityToken",
        {
            "token/Allowances.sol": (
                "allowance[from][msg.sender] = allowed - value;",
                "allowance[from][msg.sender] = allowed;",
            )
        },
    ),
    Planted(
        "a token that calls back settles twice",
        "DvP",
        {
            "DvP.sol": (
                "        slot.pair = pair.write(movement.nonce, Status.Settled, id);\n"
                "        emit Settled(id);\n"
                "        movement.token.settleEarmark(movement.seller, movement.buyer, movement.quantity);\n",
                "        emit Settled(id);\n"
                "        movement.token.settleEarmark(movement.seller, movement.buyer, movement.quantity);\n"
                "        slot.pair = pair.write(movement.nonce, Status.Settled, id);\n",
            )
        },
    ),
    Planted(
        "a proof of any quorum counts",
        "DvP",
        {"libraries/Proofs.sol": ("epoch[1] = bytes32(quorum);", "epoch[1] = bytes32(uint256(3));")},
    ),
    Planted(
        "a proposal outlives its seven days",
        "SecurityToken",
        {
            "libraries/DualControl.sol": (
                "        if (expires.hasPassed()) revert IDualControl.ProposalExpired(id, block.timestamp, expires);\n",
                "",
            )
        },
    ),
)


def calls_until_found(planted: Planted, limit: int, first_seed: int = 0) -> tuple[int, Violation]:
    """How many calls it took, and what was found; raises AssertionError after `limit` calls without a violation."""
    world = World(planted=mutant(planted.contract, planted.changes))
    layout, tally = Layout(world), Tally()
    for seed in count(first_seed):
        try:
            run_seed(world, layout, seed, STEPS, tally)
        except Violation as found:
            return tally.calls, found
        if tally.calls > limit:
            break
    raise AssertionError(f"{planted.name}: not found in {tally.calls} calls")
