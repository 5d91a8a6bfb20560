// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "./IDvP.sol";
import {Position} from "../libraries/Positions.sol";

/// @title Delivery versus payment of many trades at once, net
/// @notice lockNet → settleNet | giveBackNet. Of all trades of a cycle only the net positions move, in each security;
/// the cash moves as one multilateral settlement in the payment system. One cycle, one id, one outcome: agents sign
/// the ordinary outcome of the cycle's id, and either all net positions are delivered or none.
///
/// @dev What always holds:
/// 1. The gross trades are in {NetLocked}, whole; their hash is in the cycle's id. Each party signed the id and,
///    one by one, its own trades; the contract recomputes both. So a party's trades cannot be left out, added to,
///    changed, or used again: an id is locked once, for good.
/// 2. Each security's net positions add up to zero; the token itself refuses others.
/// 3. A party gives no more, and gets no less, of each security than the limit that it signed.
/// 4. Every party of a trade in a security is judged by that security's rules at the lock, also one whose positions
///    cancel out: it trades, although nothing of it moves.
/// 5. Status moves as {IDvP} says: None → Locked → Paid → Settled, Locked → Settled, Locked → GivenBack.
///
/// Assumed as by {IDvP}. Of a token: nothing for other cycles and locks. A hostile token of this cycle can keep
/// it from ending in one call; then each other security ends by itself, {settleNetOf} and {giveBackNetOf}. Each party
/// signs the addresses of all its tokens, with its limit in each.
/// What parties' and agents' cash is, the contract does not know: the terms of each trade, the cash of the cycle
/// with them, are salted hashes. Agents who pay a cycle check that its cash is the sum of its trades'.
interface IDvPNet {
    /// @notice All of a cycle; its EIP-712 digest is the settlement id.
    /// @param tokens the securities, strictly ascending.
    /// @param parties the wallets that trade, strictly ascending.
    /// @param legs the gross trades, packed, 43 bytes each:
    ///   | seller 1 | buyer 1 | token 1 | quantity 8 | hash of terms 32 |
    ///   seller, buyer and token are places in the lists above; quantity is in base units, above 0; the terms are the
    ///   trade's own, its cash included, with a salt.
    /// @param cashHash salted hash of the cycle's net cash terms.
    /// @param epoch the set of agents that may prove the outcome.
    /// @param lockBy last second, inclusive, for the lock (UTC, seconds since 1970).
    /// @param payBy last second, inclusive, for the booking in the payment system, which judges it.
    struct Cycle {
        address[] tokens;
        address[] parties;
        bytes legs;
        bytes32 cashHash;
        uint32 epoch;
        uint40 lockBy;
        uint40 payBy;
    }

    /// @notice The net positions in one security.
    /// @param positions one for each party with a trade in it, by party, ascending; they add up to zero.
    struct NetMovement {
        address token;
        Position[] positions;
    }

    /// @notice All of a locked cycle that ending it needs.
    struct Net {
        uint32 epoch;
        uint40 payBy;
        NetMovement[] movements;
    }

    /// @notice The net givers' units are earmarked. The cycle is here, whole: agents, auditors and a rebuild need
    /// nothing else. Its {Net} follows from it by adding up.
    event NetLocked(bytes32 indexed settlementId, Cycle cycle);

    /// @notice Of a cycle that ends security by security, the one at `place` of its list is delivered or given back;
    /// bit i of `left` says that the one at place i is not yet.
    event NetSecurityEnded(bytes32 indexed settlementId, uint256 place, uint256 left);

    /// @notice A list has another length than the others make necessary; `actual` and `expected` in entries, for the
    /// legs in bytes: a multiple of 43, not 0.
    error NetLengthMismatch(bytes32 settlementId, uint256 actual, uint256 expected);

    /// @notice More trades, or more places for positions (parties times securities), than `limit`.
    error CycleTooLarge(bytes32 settlementId, uint256 actual, uint256 limit);

    /// @notice Parties and tokens are strictly ascending, which excludes zero and doubles.
    error NotAscending(bytes32 settlementId, address previous, address actual);

    /// @notice Trade `leg` names place `actual` of a list with `length` entries.
    error LegOutOfRange(bytes32 settlementId, uint256 leg, uint256 actual, uint256 length);

    /// @notice Trade `leg` moves nothing.
    error LegWithoutQuantity(bytes32 settlementId, uint256 leg);

    /// @notice Trade `leg` is with oneself.
    error LegWithSelf(bytes32 settlementId, uint256 leg, address party);

    /// @notice A party or token of the cycle has no trade in it.
    error WithoutLegs(bytes32 settlementId, address actual);

    /// @notice `party` would give more, or get less, than it signed.
    error BelowNetLimit(bytes32 settlementId, address party, address token, int256 actual, int256 expected);

    /// @notice The presented net positions, epoch and deadline are not those locked.
    error NetMismatch(bytes32 settlementId, bytes31 actual, bytes31 expected);

    /// @notice Earmarks the units of each net giver. Anyone may submit what all parties signed.
    /// @dev Emits {NetLocked}. Requirements: `lockBy` has not passed; `payBy` ≥ `lockBy`, at most MAX_LOCK away; the
    /// epoch is current; the cycle is well-formed, at most {MAX_LEGS} trades and {MAX_POSITIONS} parties times
    /// securities; its id was never locked; each party's signature holds over its `NetStatement`: the id, the
    /// party's own legs in the cycle's order, and its limits; no limit is broken; each token finds its parties
    /// eligible and the units free.
    /// @param limits by party, then by token: the least net position (received less delivered, base units).
    /// @param signatures one a party: 64 bytes (EIP-2098) or 65 (r, s, v), low s; or any, judged by the wallet.
    /// @return id the settlement id.
    function lockNet(Cycle calldata cycle, int256[] calldata limits, bytes[] calldata signatures)
        external
        returns (bytes32 id);

    /// @notice Delivers all net positions. Anyone may present the proof.
    /// @dev Emits {IDvP-Settled}; each token, one Transfer for each giver and taker that it pairs. Requirements: Locked
    /// and `proof` is of PAID; or Paid, when `proof` is not read and may be empty; `net` is as locked.
    function settleNet(bytes32 id, Net calldata net, bytes calldata proof) external;

    /// @notice Records PAID without touching a token: bars {giveBackNet} for good.
    /// @dev Emits {IDvP-PaidRecorded}. Requirements: Locked; `proof` is of PAID; `net` is as locked.
    function recordPaidNet(bytes32 id, Net calldata net, bytes calldata proof) external;

    /// @notice Frees all earmarked units for their owners. Anyone may present the proof.
    /// @dev Emits {IDvP-GivenBack}. Requirements: Locked; `proof` is of NEVER; `net` is as locked.
    function giveBackNet(bytes32 id, Net calldata net, bytes calldata proof) external;

    /// @notice Delivers one security of a cycle whose others' tokens refuse: each is owed by itself once PAID is
    /// recorded. Anyone may call, for one security after the other, in any order.
    /// @dev Emits {IDvP-Settled} the first time, and {NetSecurityEnded}. Requirements: Paid, and `payBy` and GRACE have
    /// passed, so that nobody chooses to split a cycle that can be delivered whole; or begun so and this security is
    /// left; `net` is as locked.
    /// @param place of the security in `net`.
    function settleNetOf(bytes32 id, Net calldata net, uint256 place) external;

    /// @notice Frees the units of one security of a cycle whose others' tokens refuse. Anyone may call, for one
    /// security after the other, in any order.
    /// @dev Emits {IDvP-GivenBack} the first time, and {NetSecurityEnded}. Requirements: Locked and `proof` is of NEVER,
    /// or is empty and the caller and the time are those of {confirmNetLongStop}; or begun so and this security is left,
    /// when `proof` is not read; `net` is as locked.
    /// @param place of the security in `net`.
    function giveBackNetOf(bytes32 id, Net calldata net, uint256 place, bytes calldata proof) external;

    /// @notice Begins the end without a proof, as {IDvP-proposeLongStop} for a single settlement.
    /// @dev Emits {IDvP-LongStopProposed}. Requirements as there; `net` is as locked.
    function proposeNetLongStop(bytes32 id, Net calldata net) external;

    /// @notice Ends it: frees all units, as {IDvP-confirmLongStop} for a single settlement.
    /// @dev Emits {IDvP-GivenBack}. Requirements as there; `net` is as locked.
    function confirmNetLongStop(bytes32 id, Net calldata net) external;

    /// @notice The most trades of a cycle.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function MAX_LEGS() external view returns (uint256);

    /// @notice The most parties times securities of a cycle: its delivery stays below 2^24 gas, also if every taker
    /// is new to the security.
    // Named as the constant that it reads.
    // slither-disable-next-line naming-convention
    function MAX_POSITIONS() external view returns (uint256);

    /// @notice Where the cycle stands, and the first 31 bytes of the hash of its {Net}.
    function statusOfNet(bytes32 id) external view returns (IDvP.Status status, bytes31 netHash);

    /// @notice Of a cycle that ends security by security: bit i says that the one at place i is not ended yet.
    function leftOfNet(bytes32 id) external view returns (uint256);

    /// @notice The id of a cycle: what its parties and agents sign names it.
    function netSettlementId(Cycle calldata cycle) external view returns (bytes32);

    /// @notice Whose code DvP runs for cycles; made by DvP's constructor, for life.
    function netCode() external view returns (address);
}
