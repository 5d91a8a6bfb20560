"""The proofs that calls to DvP carried, read back from their calldata: which agent signed which outcome there."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from eth_utils.address import to_checksum_address

from lockstep.chain.artifacts import artifact
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.market import Network
from lockstep.domain.order import Attestation, Movement, OutcomeResult
from lockstep.signing import leg_id, outcome_digest, outcomes_digest, recover

__all__ = ["ENDS", "attestations_in"]

ENDS = {"Settled": OutcomeResult.PAID, "PaidRecorded": OutcomeResult.PAID, "GivenBack": OutcomeResult.NEVER}
"""What each ending event says."""

_RESULTS = {
    "settle": OutcomeResult.PAID,
    "recordPaid": OutcomeResult.PAID,
    "settleBatch": OutcomeResult.PAID,
    "giveBack": OutcomeResult.NEVER,
}


@cache
def _calls() -> Mapping[bytes, tuple[str, list[str]]]:
    """Name and argument types of the calls that take a proof, by selector."""
    return {
        bytes(function_abi_to_4byte_selector(one)): (
            one["name"],
            [collapse_if_tuple(item) for item in one["inputs"]],
        )
        for one in artifact("DvP").abi
        if one["type"] == "function" and one["name"] in _RESULTS
    }


def attestations_in(
    network: Network, transaction: Mapping[str, Any], epochs: Mapping[SettlementId, int]
) -> Iterator[Attestation]:
    """The signatures in one transaction, for the settlements in `epochs` (the epoch of each one's order).

    Nothing where it called another contract, or is no call that takes a proof. A signature over a batch is given
    for each of its settlements.
    """
    data = bytes(transaction["input"])
    if transaction.get("to") is None or to_checksum_address(transaction["to"]) != network.dvp:
        return
    try:
        name, kinds = _calls()[data[:4]]
        leg, proof = decode(kinds, data[4:])
    except (KeyError, DecodingError):
        return
    legs = list(leg) if name == "settleBatch" else [leg]
    ids = [_id(network, movement, terms) for movement, terms in legs]
    result = _RESULTS[name]
    for identifier in ids:
        if identifier not in epochs:
            continue
        epoch = epochs[identifier]
        if name == "settleBatch":
            digest = outcomes_digest(ids, result, epoch, network)
        else:
            digest = outcome_digest(identifier, result, epoch, network)
        for signature in _signatures(bytes(proof)):
            try:
                agent = recover(digest, signature)
            except InvalidInput:
                continue
            yield Attestation(settlement_id=identifier, result=result, epoch=epoch, agent=agent, signature=signature)


def _id(network: Network, movement: Any, hash_of_terms: bytes) -> SettlementId:
    token, seller, buyer, quantity, epoch, nonce = movement
    addresses = [to_checksum_address(one) for one in (token, seller, buyer)]
    made = Movement(
        token=addresses[0], seller=addresses[1], buyer=addresses[2], quantity=quantity, epoch=epoch, nonce=nonce
    )
    return leg_id(made, hash_of_terms, network)


def _signatures(proof: bytes) -> Iterator[bytes]:
    """Each of a proof's signatures (EIP-2098) as 65 bytes; see IDvP for the form."""
    count = proof[1].bit_count() if len(proof) > 1 else 0
    for place in range(count):
        one = proof[2 + 64 * place : 66 + 64 * place]
        if len(one) == 64:
            yield one[:32] + bytes([one[32] & 0x7F]) + one[33:] + bytes([27 + (one[32] >> 7)])
