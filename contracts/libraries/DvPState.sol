// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";
import {CycleRecord} from "./Cycles.sol";
import {Deadline} from "./Deadline.sol";
import {LanePair} from "./Lanes.sol";
import {Proofs} from "./Proofs.sol";
import {TypedData} from "./TypedData.sol";

/// @notice A long stop that the officer proposed.
/// @param from after which second the confirmer may carry it out.
/// @param epoch whose officer it was: the proposal dies with the epoch.
struct LongStop {
    uint40 from;
    uint32 epoch;
}

/// @notice Two nonces of one seller; drawn in Lanes.sol. A struct only so that code can hold a reference.
struct Slot {
    LanePair pair;
}

/// @notice All storage of DvP, from slot 0; DvPNet, whose code runs on it, sees it the same way. The first slot, of
/// which a lock reads the epoch alone:
///
///   0              32        192    256
///   | currentEpoch | officer | free |
///
/// @param rotationFrom the proposed rotation's wait; stands beside the confirmer, who ends it.
/// @param paid the whole ids that PAID was recorded for: a prefix alone must never deliver without a proof.
/// @param lanes by seller and nonce, two a slot. Never deleted.
/// @param cycles by id. Never deleted.
/// @param netLeft of cycles that end security by security: bit i says that its security at place i is not ended yet.
struct State {
    uint32 currentEpoch;
    address officer;
    address confirmer;
    uint40 rotationFrom;
    bytes32 proposedRotation;
    mapping(uint32 epoch => bytes32) epochHash;
    mapping(bytes32 settlementId => LongStop) longStops;
    mapping(bytes32 settlementId => bool) paid;
    mapping(bytes32 orderId => uint64) lockedInParts;
    mapping(uint256 sellerAndNonce => Slot) lanes;
    mapping(bytes32 settlementId => CycleRecord) cycles;
    mapping(bytes32 settlementId => uint256) netLeft;
}

using DvPState for State global;

/// @title What single settlements and cycles do alike
library DvPState {
    using Deadline for uint40;
    using Proofs for bytes;

    uint8 internal constant PAID = 1;
    uint8 internal constant NEVER = 2;

    uint40 internal constant MAX_LOCK = 30 days;
    uint40 internal constant GRACE = 5 days;
    uint40 internal constant CHALLENGE = 2 days;

    /// @notice What can be judged of a lock by the clock, the agents and the chain.
    /// @param chainId the chain that DvP was deployed on: on another no new lock is taken, see {IDvP}.
    function requireLockable(State storage state, bytes32 id, uint256 chainId, uint32 epoch, uint40 lockBy, uint40 payBy)
        internal
        view
    {
        if (lockBy.hasPassed()) revert IDvP.LockByPassed(id, block.timestamp, lockBy);
        if (payBy < lockBy) revert IDvP.PayByBeforeLockBy(id, payBy, lockBy);
        if (payBy > MAX_LOCK.fromNow()) revert IDvP.PayByTooFar(id, payBy, MAX_LOCK.fromNow());
        if (block.chainid != chainId) revert IDvP.ChainChanged(id, block.chainid, chainId);
        uint32 current = state.currentEpoch;
        if (epoch != current) revert IDvP.NotCurrentEpoch(id, epoch, current);
    }

    /// @param domain of the chain as it calls itself now: a proof counts on the chain that the agents meant.
    function requireOutcome(
        State storage state,
        bytes32 domain,
        bytes32 id,
        uint8 result,
        uint32 epoch,
        bytes calldata proof
    ) internal view {
        bytes32 digest = TypedData.digest(domain, TypedData.hashOutcome(id, result, epoch));
        proof.requireQuorum(id, digest, epoch, state.epochHash[epoch]);
    }

    function requireOfficer(State storage state) internal view {
        if (msg.sender != state.officer) revert IDvP.NotInRole(msg.sender, state.officer);
    }

    function requireConfirmer(State storage state) internal view {
        if (msg.sender != state.confirmer) revert IDvP.NotInRole(msg.sender, state.confirmer);
    }

    /// @notice After which second the confirmer may end the settlement; 0 if nobody of this epoch proposed it.
    function longStopFrom(State storage state, bytes32 id) internal view returns (uint40) {
        LongStop memory stop = state.longStops[id];
        return stop.epoch == state.currentEpoch ? stop.from : 0;
    }

    /// @dev The caller has shown that the officer calls and that the settlement is Locked.
    function proposeLongStop(State storage state, bytes32 id, uint40 payBy) internal {
        uint40 from = payBy + GRACE;
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
        from = state.longStopFrom(id);
        if (from != 0) revert IDvP.AlreadyProposed(id, from);
        from = CHALLENGE.fromNow();
        state.longStops[id] = LongStop(from, state.currentEpoch);
        emit IDvP.LongStopProposed(id, from);
    }

    /// @dev The caller has shown that the confirmer calls and that the settlement is Locked.
    function requireLongStop(State storage state, bytes32 id) internal view {
        uint40 from = state.longStopFrom(id);
        if (from == 0) revert IDvP.NotProposed(id, 0);
        if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
    }
}
