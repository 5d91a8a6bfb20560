// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DvPNet} from "./DvPNet.sol";
import {IDvP} from "./interfaces/IDvP.sol";
import {IDvPNet} from "./interfaces/IDvPNet.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {Attempts} from "./libraries/Attempts.sol";
import {CycleRecord} from "./libraries/Cycles.sol";
import {Deadline} from "./libraries/Deadline.sol";
import {Deliveries} from "./libraries/Deliveries.sol";
import {DvPState, Slot, State} from "./libraries/DvPState.sol";
import {LanePair, Lanes} from "./libraries/Lanes.sol";
import {Netting} from "./libraries/Netting.sol";
import {Proofs} from "./libraries/Proofs.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {TypedData} from "./libraries/TypedData.sol";

/// @title Delivery versus payment, the asset's side
contract DvP is IDvP, IDvPNet {
    using Deadline for uint40;
    using Deliveries for address;
    using Proofs for bytes;
    using Signatures for address;

    /// @inheritdoc IDvP
    uint40 public constant MAX_LOCK = DvPState.MAX_LOCK;

    /// @inheritdoc IDvP
    uint40 public constant GRACE = DvPState.GRACE;

    /// @inheritdoc IDvP
    uint40 public constant CHALLENGE = DvPState.CHALLENGE;

    /// @inheritdoc IDvP
    uint40 public constant ROTATION_DELAY = 45 days;

    /// @inheritdoc IDvPNet
    uint256 public constant MAX_LEGS = Netting.MAX_LEGS;

    /// @inheritdoc IDvPNet
    uint256 public constant MAX_POSITIONS = Netting.MAX_POSITIONS;

    /// @dev The most gas that one delivery gets in a batch. A token within it can only harm its own leg.
    uint256 private constant DELIVER_GAS = 200_000;

    /// @dev The most gas that one lock gets in a batch: two wallets' judgement, the token's, and our own.
    uint256 private constant LOCK_GAS = 2 * Signatures.WALLET_GAS + 300_000;

    uint256 private immutable _chainId;
    bytes32 private immutable _domain;

    /// @inheritdoc IDvPNet
    address public immutable netCode;

    State private _state;

    /// @param first the agents and roles of epoch 1.
    constructor(Epoch memory first) {
        _chainId = block.chainid;
        _domain = TypedData.domain(address(this));
        netCode = address(new DvPNet());
        _startEpoch(1, first);
    }

    // Lock

    /// @inheritdoc IDvP
    function lock(Order calldata order, bytes calldata sellerSignature, bytes calldata buyerSignature)
        external
        returns (bytes32 id)
    {
        return _lock(order, sellerSignature, buyerSignature, 0);
    }

    /// @inheritdoc IDvP
    function lockGroup(SignedOrder[] calldata legs) external {
        bytes32[] memory hashes = new bytes32[](legs.length);
        for (uint256 i = 0; i < legs.length; ++i) {
            hashes[i] = TypedData.hashMovement(legs[i].order.movement);
        }
        bytes32 group = TypedData.hashList(hashes);
        for (uint256 i = 0; i < legs.length; ++i) {
            _lock(legs[i].order, legs[i].sellerSignature, legs[i].buyerSignature, group);
        }
    }

    /// @inheritdoc IDvP
    function lockBatch(SignedOrder[] calldata legs) external {
        uint256 next = 0;
        for (uint256 i = 0; i < legs.length; i = next) {
            bytes32 group = legs[i].order.terms.group;
            next = i + 1;
            while (group != 0 && next < legs.length && legs[next].order.terms.group == group) ++next;
            _lockOrSkip(legs, i, next, group);
        }
    }

    /// @inheritdoc IDvP
    function lockPart(
        Order calldata order,
        uint32 part,
        uint64 quantity,
        bytes calldata sellerSignature,
        bytes calldata buyerSignature,
        bytes calldata partSignature
    ) external returns (bytes32 id) {
        bytes32 orderId = _idOf(order);
        Terms calldata terms = order.terms;
        _validate(orderId, order.movement, terms);
        if (terms.minimumLot == 0 || terms.group != 0 || !Lanes.isDivisible(order.movement.nonce, part)) {
            revert NotDivisible(orderId, part);
        }
        uint64 remaining = _takeFromOrder(orderId, order.movement, terms.minimumLot, quantity);
        _requireSigned(orderId, order.movement, sellerSignature, buyerSignature);
        _requirePartSigned(orderId, order.movement.seller, part, quantity, partSignature);

        Order memory child = order;
        child.movement.quantity = quantity;
        child.movement.nonce = Lanes.nonceOfPart(order.movement.nonce, part);
        child.terms.part = part;
        child.terms.minimumLot = 0;
        id = _digest(
            TypedData.hashOrder(
                keccak256(abi.encode(TypedData.MOVEMENT_TYPEHASH, child.movement)),
                keccak256(abi.encode(TypedData.TERMS_TYPEHASH, child.terms))
            )
        );
        _take(id, child.movement.seller, child.movement.nonce, Status.Locked);
        emit Locked(id, child.movement, child.terms);
        emit PartLocked(id, orderId, order.movement.quantity, order.movement.quantity - remaining);
        order.movement.token.makeEarmark(order.movement.seller, order.movement.buyer, quantity);
    }

    /// @inheritdoc IDvP
    function cancelOrder(Order calldata order, bytes calldata sellerSignature) external {
        Movement calldata movement = order.movement;
        bytes32 id = _idOf(order);
        _requireOrdinary(id, movement.nonce);
        if (msg.sender != movement.seller) {
            if (msg.sender != movement.buyer) revert NotParty(id, msg.sender);
            if (!movement.seller.isFrom(id, sellerSignature)) revert InvalidSignature(id, movement.seller);
        }
        Slot storage slot = _slot(movement.seller, movement.nonce);
        LanePair pair = slot.pair;
        (Status status, bytes15 prefix) = pair.read(movement.nonce);
        bool divided = status == Status.InParts && _state.lockedInParts[id] != 0;
        if (status != Status.None && !divided) revert NonceUsed(id, movement.seller, movement.nonce, status, prefix);

        slot.pair = pair.write(movement.nonce, Status.Cancelled, id);
        emit OrderCancelled(id, msg.sender);
    }

    // Settle or give back

    /// @inheritdoc IDvP
    function settle(Leg calldata leg, bytes calldata proof) external {
        Movement calldata movement = leg.movement;
        bytes32 id = _idOf(movement, leg.hashOfTerms);
        (Slot storage slot, LanePair pair, Status status) = _open(id, movement);
        if (status == Status.Locked || !_state.paid[id]) _requireOutcome(id, DvPState.PAID, movement.epoch, proof);

        slot.pair = pair.write(movement.nonce, Status.Settled, id);
        emit Settled(id);
        movement.token.settleEarmark(movement.seller, movement.buyer, movement.quantity);
    }

    /// @inheritdoc IDvP
    function settleBatch(Leg[] calldata legs, bytes calldata proof) external {
        if (legs.length == 0) return;
        uint32 epoch = legs[0].movement.epoch;
        bytes32[] memory ids = new bytes32[](legs.length);
        for (uint256 i = 0; i < legs.length; ++i) {
            Movement calldata movement = legs[i].movement;
            ids[i] = _idOf(movement, legs[i].hashOfTerms);
            if (movement.epoch != epoch) revert MixedEpochs(ids[i], movement.epoch, epoch);
        }
        bytes32 digest = _digestNow(TypedData.hashOutcomes(ids, DvPState.PAID, epoch));
        proof.requireQuorum(ids[0], digest, epoch, _state.epochHash[epoch]);

        for (uint256 i = 0; i < legs.length; ++i) {
            _requireGas(i, DELIVER_GAS);
            _deliverOrSkip(ids[i], legs[i].movement);
        }
    }

    /// @inheritdoc IDvP
    function recordPaid(Leg calldata leg, bytes calldata proof) external {
        Movement calldata movement = leg.movement;
        bytes32 id = _idOf(movement, leg.hashOfTerms);
        (Slot storage slot, LanePair pair) = _locked(id, movement);
        _requireOutcome(id, DvPState.PAID, movement.epoch, proof);

        slot.pair = pair.write(movement.nonce, Status.Paid, id);
        _state.paid[id] = true;
        emit PaidRecorded(id);
    }

    /// @inheritdoc IDvP
    function giveBack(Leg calldata leg, bytes calldata proof) external {
        Movement calldata movement = leg.movement;
        bytes32 id = _idOf(movement, leg.hashOfTerms);
        (Slot storage slot, LanePair pair) = _locked(id, movement);
        _requireOutcome(id, DvPState.NEVER, movement.epoch, proof);
        _giveBack(id, movement, slot, pair);
    }

    // Long stop

    /// @inheritdoc IDvP
    function proposeLongStop(Order calldata order) external {
        _state.requireOfficer();
        bytes32 id = _idOf(order);
        _locked(id, order.movement);
        _state.proposeLongStop(id, order.terms.payBy);
    }

    /// @inheritdoc IDvP
    function confirmLongStop(Leg calldata leg) external {
        _state.requireConfirmer();
        Movement calldata movement = leg.movement;
        bytes32 id = _idOf(movement, leg.hashOfTerms);
        (Slot storage slot, LanePair pair) = _locked(id, movement);
        _state.requireLongStop(id);
        _giveBack(id, movement, slot, pair);
    }

    // Cycles: netCode's code, on this storage

    /// @inheritdoc IDvPNet
    function lockNet(Cycle calldata cycle, int256[] calldata limits, bytes[] calldata signatures)
        external
        returns (bytes32)
    {
        (cycle, limits, signatures);
        _runNetCode();
    }

    /// @inheritdoc IDvPNet
    function settleNet(bytes32 id, Net calldata net, bytes calldata proof) external {
        (id, net, proof);
        _runNetCode();
    }

    /// @inheritdoc IDvPNet
    function recordPaidNet(bytes32 id, Net calldata net, bytes calldata proof) external {
        (id, net, proof);
        _runNetCode();
    }

    /// @inheritdoc IDvPNet
    function giveBackNet(bytes32 id, Net calldata net, bytes calldata proof) external {
        (id, net, proof);
        _runNetCode();
    }

    /// @inheritdoc IDvPNet
    function settleNetOf(bytes32 id, Net calldata net, uint256 place) external {
        (id, net, place);
        _runNetCode();
    }

    /// @inheritdoc IDvPNet
    function giveBackNetOf(bytes32 id, Net calldata net, uint256 place, bytes calldata proof) external {
        (id, net, place, proof);
        _runNetCode();
    }

    /// @inheritdoc IDvPNet
    function proposeNetLongStop(bytes32 id, Net calldata net) external {
        (id, net);
        _runNetCode();
    }

    /// @inheritdoc IDvPNet
    function confirmNetLongStop(bytes32 id, Net calldata net) external {
        (id, net);
        _runNetCode();
    }

    // Epochs

    /// @inheritdoc IDvP
    function rotate(Epoch calldata next, bytes calldata proof) external {
        uint32 current = _state.currentEpoch;
        bytes32 digest = rotationDigest(next);
        proof.requireQuorum(digest, digest, current, _state.epochHash[current]);
        _startEpoch(current + 1, next);
    }

    /// @inheritdoc IDvP
    function proposeRotation(Epoch calldata next) external {
        _state.requireOfficer();
        uint32 number = _state.currentEpoch + 1;
        bytes32 rotation = TypedData.hashRotation(number, next);
        uint40 from = ROTATION_DELAY.fromNow();
        (_state.proposedRotation, _state.rotationFrom) = (rotation, from);
        emit RotationProposed(number, rotation, from);
    }

    /// @inheritdoc IDvP
    function confirmRotation(Epoch calldata next) external {
        _state.requireConfirmer();
        uint32 number = _state.currentEpoch + 1;
        // The hash names the number: a proposal dies with the epoch it was made in.
        bytes32 rotation = TypedData.hashRotation(number, next);
        if (rotation != _state.proposedRotation) revert NotProposed(rotation, _state.proposedRotation);
        if (!_state.rotationFrom.hasPassed()) revert TooEarly(block.timestamp, _state.rotationFrom);
        _startEpoch(number, next);
    }

    // Views

    /// @inheritdoc IDvP
    function currentEpoch() external view returns (uint32) {
        return _state.currentEpoch;
    }

    /// @inheritdoc IDvP
    function officer() external view returns (address) {
        return _state.officer;
    }

    /// @inheritdoc IDvP
    function confirmer() external view returns (address) {
        return _state.confirmer;
    }

    /// @inheritdoc IDvP
    function epochHash(uint32 epoch) external view returns (bytes32) {
        return _state.epochHash[epoch];
    }

    /// @inheritdoc IDvP
    function longStopFrom(bytes32 id) external view returns (uint40) {
        return _state.longStopFrom(id);
    }

    /// @inheritdoc IDvP
    function lockedInParts(bytes32 orderId) external view returns (uint64) {
        return _state.lockedInParts[orderId];
    }

    /// @inheritdoc IDvPNet
    function statusOfNet(bytes32 id) external view returns (Status status, bytes31 netHash) {
        CycleRecord record = _state.cycles[id];
        return (record.status(), record.netHash());
    }

    /// @inheritdoc IDvPNet
    function leftOfNet(bytes32 id) external view returns (uint256) {
        return _state.netLeft[id];
    }

    /// @inheritdoc IDvPNet
    function netSettlementId(Cycle calldata cycle) external view returns (bytes32) {
        return _digest(TypedData.hashCycle(cycle));
    }

    /// @inheritdoc IDvP
    function settlementId(Order calldata order) external view returns (bytes32) {
        return _idOf(order);
    }

    /// @inheritdoc IDvP
    function statusOf(address seller, uint64 nonce) external view returns (Status status, bytes15 prefix) {
        return _slot(seller, nonce).pair.read(nonce);
    }

    /// @inheritdoc IDvP
    function statusOfSettlement(bytes32 id, address seller, uint64 nonce) external view returns (Status) {
        (Status status, bytes15 prefix) = _slot(seller, nonce).pair.read(nonce);
        return prefix == Lanes.prefixOf(id) ? status : Status.None;
    }

    /// @inheritdoc IDvP
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        // 0x0f: name, version, chain id and contract are used; salt and extensions are not.
        return (hex"0f", TypedData.NAME, TypedData.VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    /// @inheritdoc IDvP
    function outcomesDigest(bytes32[] calldata ids, uint8 result, uint32 epoch) external view returns (bytes32) {
        return _digestNow(TypedData.hashOutcomes(ids, result, epoch));
    }

    /// @inheritdoc IDvP
    function groupOf(Movement[] calldata movements) external pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](movements.length);
        for (uint256 i = 0; i < movements.length; ++i) {
            hashes[i] = TypedData.hashMovement(movements[i]);
        }
        return TypedData.hashList(hashes);
    }

    /// @inheritdoc IDvP
    function termsHash(Terms calldata terms) external pure returns (bytes32) {
        return TypedData.hashTerms(terms);
    }

    /// @inheritdoc IDvP
    function outcomeDigest(bytes32 id, uint8 result, uint32 epoch) public view returns (bytes32) {
        return _digestNow(TypedData.hashOutcome(id, result, epoch));
    }

    /// @inheritdoc IDvP
    function rotationDigest(Epoch calldata next) public view returns (bytes32) {
        return _digestNow(TypedData.hashRotation(_state.currentEpoch + 1, next));
    }

    // What the calls above share

    function _startEpoch(uint32 number, Epoch memory next) private {
        uint256 count = next.agents.length;
        uint256 quorum = next.quorum;
        if (count == 0 || count > Proofs.MAX_AGENTS) revert BadAgentCount(count, Proofs.MAX_AGENTS);
        if (quorum > count || 2 * quorum <= count + next.faulty) revert UnsafeQuorum(count, next.quorum, next.faulty);
        if (next.officer == address(0) || next.officer == next.confirmer) revert RolesNotApart(next.officer);
        if (next.confirmer == address(0)) revert RolesNotApart(next.confirmer);
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address agent = next.agents[i];
            if (agent <= previous) revert AgentsNotAscending(i, previous, agent);
            if (agent == next.officer || agent == next.confirmer) revert RolesNotApart(agent);
            previous = agent;
        }
        bytes32 hash = Proofs.epochHash(number, next.quorum, next.agents);
        (_state.currentEpoch, _state.officer, _state.confirmer) = (number, next.officer, next.confirmer);
        _state.epochHash[number] = hash;
        emit EpochStarted(
            number, hash, next.quorum, next.faulty, next.agents, next.officer, next.confirmer
        );
    }

    /// @param group what the order must name as its group: 0 unless it is locked in one.
    function _lock(
        Order calldata order,
        bytes calldata sellerSignature,
        bytes calldata buyerSignature,
        bytes32 group
    ) private returns (bytes32 id) {
        Movement calldata movement = order.movement;
        id = _idOf(order);
        _validate(id, movement, order.terms);
        _requireOrdinary(id, movement.nonce);
        if (order.terms.group != group) revert GroupMismatch(id, order.terms.group, group);
        _take(id, movement.seller, movement.nonce, Status.Locked);
        _requireSigned(id, movement, sellerSignature, buyerSignature);

        TypedData.emitLocked(id, order);
        // A group is locked as a whole or not at all: one refusal is meant to undo the rest.
        movement.token.makeEarmark(movement.seller, movement.buyer, movement.quantity);
    }

    /// @dev Locks legs `start` to `end` - 1, which are one order or one group, by a call to this contract, so that
    /// what fails undoes itself and nothing else.
    function _lockOrSkip(SignedOrder[] calldata legs, uint256 start, uint256 end, bytes32 group) private {
        uint256 limit = LOCK_GAS * (end - start);
        uint256 free = Attempts.mark();
        bytes memory data = "";
        if (group == 0) {
            data = _lockData(legs[start]);
        } else {
            SignedOrder[] memory run = new SignedOrder[](end - start);
            for (uint256 i = start; i < end; ++i) {
                run[i - start] = legs[i];
            }
            data = abi.encodeCall(this.lockGroup, (run));
        }
        // Last thing before the call: how large the leg is, and so what copying it costs, the caller chooses.
        _requireGas(start, limit);
        (bool done, bytes memory reason) = Attempts.attempt(address(this), limit, data);
        for (uint256 i = start; i < end && !done; ++i) {
            emit LegSkipped(_idOf(legs[i].order), reason);
        }
        Attempts.release(free);
    }

    /// @dev abi.encodeCall(this.lock, …) with the order copied as it lies, 500 gas less: its words, the two offsets
    /// of what follows them, then each signature behind its length.
    function _lockData(SignedOrder calldata leg) private pure returns (bytes memory) {
        bytes calldata first = leg.sellerSignature;
        bytes calldata second = leg.buyerSignature;
        uint256 offset = TypedData.ORDER_BYTES + 2 * 32;
        return abi.encodePacked(
            this.lock.selector,
            TypedData.raw(leg.order),
            offset,
            offset + 32 + first.length,
            first.length,
            first,
            second.length,
            second
        );
    }

    /// @dev All of an order that can be judged without signatures and storage of others.
    function _validate(bytes32 id, Movement calldata movement, Terms calldata terms) private view {
        _state.requireLockable(id, _chainId, movement.epoch, terms.lockBy, terms.payBy);
        uint32 part = terms.part;
        uint64 minimumLot = terms.minimumLot;
        if (part != 0 && minimumLot != 0) revert NotDivisible(id, part);
        if (movement.quantity == 0) revert ZeroQuantity(id);
        if (movement.seller == movement.buyer) revert SameParty(id, movement.seller);
        if (movement.token.code.length == 0) revert NoToken(id, movement.token);
    }

    function _requireSigned(
        bytes32 id,
        Movement calldata movement,
        bytes calldata sellerSignature,
        bytes calldata buyerSignature
    ) private view {
        if (!movement.seller.isFrom(id, sellerSignature)) revert InvalidSignature(id, movement.seller);
        if (!movement.buyer.isFrom(id, buyerSignature)) revert InvalidSignature(id, movement.buyer);
    }

    function _requirePartSigned(bytes32 orderId, address seller, uint32 part, uint64 quantity, bytes calldata signature)
        private
        view
    {
        if (msg.sender == seller) return;
        bytes32 digest = _digest(TypedData.hashPart(orderId, part, quantity));
        if (!seller.isFrom(digest, signature)) revert InvalidSignature(orderId, seller);
    }

    /// @dev Takes a lane that was never used.
    function _take(bytes32 id, address seller, uint64 nonce, Status status) private {
        Slot storage slot = _slot(seller, nonce);
        LanePair pair = slot.pair;
        (Status previous, bytes15 prefix) = pair.read(nonce);
        if (previous != Status.None) revert NonceUsed(id, seller, nonce, previous, prefix);
        slot.pair = pair.write(nonce, status, id);
    }

    /// @dev Counts `quantity` as locked; the first part takes the order's own lane.
    function _takeFromOrder(bytes32 id, Movement calldata movement, uint64 minimumLot, uint64 quantity)
        private
        returns (uint64 remaining)
    {
        uint64 locked = _state.lockedInParts[id];
        (Status status, bytes15 prefix) = _slot(movement.seller, movement.nonce).pair.read(movement.nonce);
        if (locked == 0) _take(id, movement.seller, movement.nonce, Status.InParts);
        else if (status != Status.InParts) revert NonceUsed(id, movement.seller, movement.nonce, status, prefix);
        remaining = movement.quantity - locked;
        if (quantity > remaining || (quantity < minimumLot && quantity != remaining) || quantity == 0) {
            revert BadPart(id, quantity, minimumLot, remaining);
        }
        remaining -= quantity;
        _state.lockedInParts[id] = movement.quantity - remaining;
    }

    /// @dev Finds the settlement, Locked or Paid, or refuses by name.
    function _open(bytes32 id, Movement calldata movement)
        private
        view
        returns (Slot storage slot, LanePair pair, Status status)
    {
        bytes15 prefix = 0;
        slot = _slot(movement.seller, movement.nonce);
        pair = slot.pair;
        (status, prefix) = pair.read(movement.nonce);
        if (status == Status.None || status > Status.GivenBack) revert WrongStatus(id, status, Status.Locked);
        if (prefix != Lanes.prefixOf(id)) revert OrderMismatch(id, prefix, Lanes.prefixOf(id));
        if (status > Status.Paid) revert AlreadyEnded(id, status, Status.Locked);
    }

    /// @dev Finds the settlement, Locked, or refuses by name.
    function _locked(bytes32 id, Movement calldata movement) private view returns (Slot storage slot, LanePair pair) {
        Status status = Status.None;
        (slot, pair, status) = _open(id, movement);
        if (status != Status.Locked) revert WrongStatus(id, status, Status.Locked);
    }

    function _giveBack(bytes32 id, Movement calldata movement, Slot storage slot, LanePair pair) private {
        slot.pair = pair.write(movement.nonce, Status.GivenBack, id);
        emit GivenBack(id);
        ISecurityToken(movement.token).releaseEarmark(movement.seller, movement.quantity);
    }

    /// @dev Its outcome PAID is proved; what the token refuses stays Paid.
    function _deliverOrSkip(bytes32 id, Movement calldata movement) private {
        Slot storage slot = _slot(movement.seller, movement.nonce);
        LanePair pair = slot.pair;
        (Status status, bytes15 prefix) = pair.read(movement.nonce);
        if (prefix != Lanes.prefixOf(id) || (status != Status.Locked && status != Status.Paid)) {
            emit LegSkipped(id, abi.encodeWithSelector(WrongStatus.selector, id, status, Status.Locked));
            return;
        }
        // Before the call: a token that comes back finds the settlement ended.
        slot.pair = pair.write(movement.nonce, Status.Settled, id);
        (bool done, bytes memory reason) = Attempts.attempt(
            movement.token,
            DELIVER_GAS,
            abi.encodeCall(ISecurityToken.settleEarmark, (movement.seller, movement.buyer, movement.quantity))
        );
        if (done) {
            emit Settled(id);
            return;
        }
        // A failed call changed nothing, so the neighbouring lane is still as it was read.
        slot.pair = pair.write(movement.nonce, Status.Paid, id);
        _state.paid[id] = true;
        if (status == Status.Locked) emit PaidRecorded(id);
        emit LegSkipped(id, reason);
    }

    /// @dev Runs the call that was made to this contract with netCode's code, and ends as it does.
    function _runNetCode() private {
        address code = netCode;
        // Solidity's delegatecall does not hand on what it answered. The code is this contract's own, from its
        // constructor, and never another.
        // slither-disable-next-line assembly
        assembly {
            // The call does not come back here: memory is all its own.
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(done) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }

    function _requireGas(uint256 index, uint256 limit) private view {
        uint256 needed = Attempts.needed(limit);
        if (gasleft() < needed) revert StarvedOfGas(index, gasleft(), needed);
    }

    function _requireOutcome(bytes32 id, uint8 result, uint32 epoch, bytes calldata proof) private view {
        _state.requireOutcome(_domainNow(), id, result, epoch, proof);
    }

    function _slot(address seller, uint64 nonce) private view returns (Slot storage) {
        return _state.lanes[Lanes.keyOf(seller, nonce)];
    }

    function _idOf(Order calldata order) private view returns (bytes32) {
        return _idOf(order.movement, TypedData.hashTerms(order.terms));
    }

    function _idOf(Movement calldata movement, bytes32 hashOfTerms) private view returns (bytes32) {
        return _digest(TypedData.hashOrder(TypedData.hashMovement(movement), hashOfTerms));
    }

    /// @dev Of what parties sign: for the chain's id at the deployment, for ever.
    function _digest(bytes32 structHash) private view returns (bytes32) {
        return TypedData.digest(_domain, structHash);
    }

    /// @dev Of what agents sign: for the chain's id as it is.
    function _digestNow(bytes32 structHash) private view returns (bytes32) {
        return TypedData.digest(_domainNow(), structHash);
    }

    function _domainNow() private view returns (bytes32) {
        return block.chainid == _chainId ? _domain : TypedData.domain(address(this));
    }

    function _requireOrdinary(bytes32 id, uint64 nonce) private pure {
        if (nonce >= Lanes.FIRST_OF_PARTS) revert NonceReserved(id, nonce, Lanes.FIRST_OF_PARTS);
    }
}
