// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "./interfaces/IDvP.sol";
import {IDvPNet} from "./interfaces/IDvPNet.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {CycleRecord, Cycles} from "./libraries/Cycles.sol";
import {Deadline} from "./libraries/Deadline.sol";
import {DvPState, State} from "./libraries/DvPState.sol";
import {Netting} from "./libraries/Netting.sol";
import {Position} from "./libraries/Positions.sol";
import {Sheets} from "./libraries/Sheets.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Words} from "./libraries/Words.sol";

/// @title The code that DvP runs for cycles
/// @notice Holds nothing and can do nothing by itself: DvP's constructor makes it, and DvP calls it by delegatecall,
/// on DvP's storage and as DvP. Apart only because both together are larger than a contract of ours may be.
/// @dev Called directly it works on its own empty storage: no epoch has begun there, so nothing can be locked.
contract DvPNet {
    using Deadline for uint40;
    using Signatures for address;

    uint256 private immutable _chainId;
    bytes32 private immutable _domain;

    State private _state;

    /// @dev The caller is DvP, under construction.
    constructor() {
        _chainId = block.chainid;
        _domain = TypedData.domain(msg.sender);
    }

    /// @notice See {IDvPNet-lockNet}.
    function lockNet(IDvPNet.Cycle calldata cycle, int256[] calldata limits, bytes[] calldata signatures)
        external
        returns (bytes32 id)
    {
        id = TypedData.digest(_domain, TypedData.hashCycle(cycle));
        _state.requireLockable(id, _chainId, cycle.epoch, cycle.lockBy, cycle.payBy);
        IDvP.Status status = _state.cycles[id].status();
        if (status != IDvP.Status.None) revert IDvP.WrongStatus(id, status, IDvP.Status.None);

        Netting.Sheet memory sheet = Netting.workOut(id, cycle);
        Netting.requireLength(id, signatures.length, cycle.parties.length);
        Netting.requireLength(id, limits.length, cycle.parties.length * cycle.tokens.length);
        for (uint256 i = 0; i < signatures.length; ++i) {
            bytes32 digest = TypedData.digest(_domain, Netting.statementOf(id, sheet, limits, i));
            address party = Sheets.party(sheet.parties, sheet.tokenCount, i).addressAt(0);
            if (!party.isFrom(digest, signatures[i])) revert IDvP.InvalidSignature(id, party);
        }
        (Words net, uint256 length) = Netting.encode(id, sheet, cycle.epoch, cycle.payBy);
        _state.cycles[id] = Cycles.from(IDvP.Status.Locked, bytes31(net.hashTo(net.from(length))));
        emit IDvPNet.NetLocked(id, cycle);
        for (uint256 i = 0; i < sheet.tokenCount; ++i) {
            // A cycle is locked as a whole or not at all: one refusal is meant to undo the rest.
            Netting.earmark(Netting.movementIn(net, i));
        }
    }

    /// @notice See {IDvPNet-settleNet}.
    function settleNet(bytes32 id, IDvPNet.Net calldata net, bytes calldata proof) external {
        (IDvP.Status status, bytes31 hash) = _open(id, net);
        if (status == IDvP.Status.Locked) _requireOutcome(id, DvPState.PAID, net.epoch, proof);

        _state.cycles[id] = Cycles.from(IDvP.Status.Settled, hash);
        emit IDvP.Settled(id);
        for (uint256 i = 0; i < net.movements.length; ++i) {
            // All or none: one refusal is meant to undo the rest.
            // slither-disable-next-line calls-loop
            ISecurityToken(net.movements[i].token).settleNet(net.movements[i].positions);
        }
    }

    /// @notice See {IDvPNet-recordPaidNet}.
    function recordPaidNet(bytes32 id, IDvPNet.Net calldata net, bytes calldata proof) external {
        bytes31 hash = _locked(id, net);
        _requireOutcome(id, DvPState.PAID, net.epoch, proof);

        _state.cycles[id] = Cycles.from(IDvP.Status.Paid, hash);
        emit IDvP.PaidRecorded(id);
    }

    /// @notice See {IDvPNet-giveBackNet}.
    function giveBackNet(bytes32 id, IDvPNet.Net calldata net, bytes calldata proof) external {
        bytes31 hash = _locked(id, net);
        _requireOutcome(id, DvPState.NEVER, net.epoch, proof);
        _giveBack(id, net, hash);
    }

    /// @notice See {IDvPNet-proposeNetLongStop}.
    function proposeNetLongStop(bytes32 id, IDvPNet.Net calldata net) external {
        _state.requireOfficer();
        _locked(id, net);
        _state.proposeLongStop(id, net.payBy);
    }

    /// @notice See {IDvPNet-confirmNetLongStop}.
    function confirmNetLongStop(bytes32 id, IDvPNet.Net calldata net) external {
        _state.requireConfirmer();
        bytes31 hash = _locked(id, net);
        _state.requireLongStop(id);
        _giveBack(id, net, hash);
    }

    /// @notice See {IDvPNet-settleNetOf}.
    function settleNetOf(bytes32 id, IDvPNet.Net calldata net, uint256 place) external {
        (IDvP.Status status, bytes31 hash) = _found(id, net);
        if (status == IDvP.Status.Paid) {
            uint40 from = net.payBy + DvPState.GRACE;
            if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);
            _state.cycles[id] = Cycles.from(IDvP.Status.Settled, hash);
            _state.netLeft[id] = _all(net);
            emit IDvP.Settled(id);
        } else if (status != IDvP.Status.Settled) {
            revert IDvP.WrongStatus(id, status, IDvP.Status.Paid);
        }
        _takeOff(id, status, place);
        ISecurityToken(net.movements[place].token).settleNet(net.movements[place].positions);
    }

    /// @notice See {IDvPNet-giveBackNetOf}.
    function giveBackNetOf(bytes32 id, IDvPNet.Net calldata net, uint256 place, bytes calldata proof) external {
        (IDvP.Status status, bytes31 hash) = _found(id, net);
        if (status == IDvP.Status.Locked) {
            if (proof.length == 0) {
                _state.requireConfirmer();
                _state.requireLongStop(id);
            } else {
                _requireOutcome(id, DvPState.NEVER, net.epoch, proof);
            }
            _state.cycles[id] = Cycles.from(IDvP.Status.GivenBack, hash);
            _state.netLeft[id] = _all(net);
            emit IDvP.GivenBack(id);
        } else if (status != IDvP.Status.GivenBack) {
            revert IDvP.WrongStatus(id, status, IDvP.Status.Locked);
        }
        _takeOff(id, status, place);
        _release(net.movements[place]);
    }

    function _giveBack(bytes32 id, IDvPNet.Net calldata net, bytes31 hash) private {
        _state.cycles[id] = Cycles.from(IDvP.Status.GivenBack, hash);
        emit IDvP.GivenBack(id);
        for (uint256 i = 0; i < net.movements.length; ++i) {
            _release(net.movements[i]);
        }
    }

    function _release(IDvPNet.NetMovement calldata movement) private {
        ISecurityToken token = ISecurityToken(movement.token);
        Position[] calldata positions = movement.positions;
        for (uint256 i = 0; i < positions.length; ++i) {
            uint256 given = positions[i].given();
            // All or none: one refusal is meant to undo the rest.
            // slither-disable-next-line calls-loop
            if (given != 0) token.releaseEarmark(positions[i].party(), given);
        }
    }

    /// @dev Before the call: a token that comes back finds its security ended.
    function _takeOff(bytes32 id, IDvP.Status status, uint256 place) private {
        uint256 left = _state.netLeft[id];
        // Ended whole, nothing is left; a place beyond the cycle's securities never was.
        if ((left >> place) & 1 == 0) revert IDvP.AlreadyEnded(id, status, IDvP.Status.Locked);
        left &= ~(1 << place);
        _state.netLeft[id] = left;
        emit IDvPNet.NetSecurityEnded(id, place, left);
    }

    function _requireOutcome(bytes32 id, uint8 result, uint32 epoch, bytes calldata proof) private view {
        bytes32 domain = block.chainid == _chainId ? _domain : TypedData.domain(address(this));
        _state.requireOutcome(domain, id, result, epoch, proof);
    }

    /// @dev Finds the cycle, Locked or Paid, or refuses by name.
    function _open(bytes32 id, IDvPNet.Net calldata net) private view returns (IDvP.Status status, bytes31 hash) {
        (status, hash) = _found(id, net);
        if (status > IDvP.Status.Paid) revert IDvP.AlreadyEnded(id, status, IDvP.Status.Locked);
    }

    /// @dev Finds the cycle, in any state, or refuses by name.
    function _found(bytes32 id, IDvPNet.Net calldata net) private view returns (IDvP.Status status, bytes31 hash) {
        CycleRecord record = _state.cycles[id];
        status = record.status();
        hash = record.netHash();
        if (status == IDvP.Status.None) revert IDvP.WrongStatus(id, status, IDvP.Status.Locked);
        bytes31 presented = Cycles.hashOf(net);
        if (hash != presented) revert IDvPNet.NetMismatch(id, presented, hash);
    }

    /// @dev Finds the cycle, Locked, or refuses by name.
    function _locked(bytes32 id, IDvPNet.Net calldata net) private view returns (bytes31 hash) {
        IDvP.Status status = IDvP.Status.None;
        (status, hash) = _open(id, net);
        if (status != IDvP.Status.Locked) revert IDvP.WrongStatus(id, status, IDvP.Status.Locked);
    }

    /// @dev A bit for each of the cycle's securities: at most half of {Netting-MAX_POSITIONS}, as a cycle has two
    /// parties or more.
    function _all(IDvPNet.Net calldata net) private pure returns (uint256) {
        return (1 << net.movements.length) - 1;
    }
}
