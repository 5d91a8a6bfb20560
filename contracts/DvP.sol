// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "./interfaces/IDvP.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {Deadline} from "./libraries/Deadline.sol";
import {LanePair, Lanes} from "./libraries/Lanes.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Delivery versus payment, the asset's side
contract DvP is IDvP {
    using Deadline for uint40;
    using Signatures for address;

    uint8 private constant PAID = 1;
    uint8 private constant NEVER = 2;
    uint256 private constant MAX_AGENTS = 8;

    string private constant NAME = "Lockstep DvP";
    string private constant VERSION = "1";
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant MOVEMENT_TYPEHASH = keccak256(
        "Movement(address token,address seller,address buyer,uint64 quantity,uint32 epoch,uint64 nonce)"
    );
    bytes32 private constant TERMS_TYPEHASH =
        keccak256("Terms(bytes32 tradeId,uint32 part,bytes32 cashHash,uint40 lockBy,uint40 payBy)");
    // EIP-712: the struct's own type, then those it refers to, by name.
    bytes32 private constant ORDER_TYPEHASH = keccak256(
        "Order(Movement movement,Terms terms)"
        "Movement(address token,address seller,address buyer,uint64 quantity,uint32 epoch,uint64 nonce)"
        "Terms(bytes32 tradeId,uint32 part,bytes32 cashHash,uint40 lockBy,uint40 payBy)"
    );
    bytes32 private constant OUTCOME_TYPEHASH =
        keccak256("Outcome(bytes32 settlementId,uint8 result,uint32 epoch)");

    uint256 private immutable _deploymentChainId;
    bytes32 private immutable _deploymentDomain;

    /// @inheritdoc IDvP
    uint32 public currentEpoch;

    /// @inheritdoc IDvP
    mapping(uint32 epoch => bytes32) public epochHash;

    /// @dev Two nonces a slot; drawn in libraries/Lanes.sol. Never deleted. A struct only so that code can hold a
    /// reference to the slot.
    struct Slot {
        LanePair pair;
    }

    mapping(address seller => mapping(uint64 pair => Slot)) private _lanes;

    /// @param agents the first epoch's agents, strictly ascending, at most 8.
    /// @param quorum how many of them prove an outcome.
    /// @param faulty how many of them may lie without harm; must be below 2 * quorum - agents.
    constructor(address[] memory agents, uint8 quorum, uint8 faulty) {
        _deploymentChainId = block.chainid;
        _deploymentDomain = _domain();
        _startEpoch(1, agents, quorum, faulty);
    }

    /// @inheritdoc IDvP
    function lock(Order calldata order, bytes calldata sellerSignature, bytes calldata buyerSignature)
        external
        returns (bytes32 id)
    {
        Movement calldata movement = order.movement;
        id = _settlementId(movement, termsHash(order.terms));
        _validate(id, order);
        Slot storage slot = _lanes[movement.seller][Lanes.pairOf(movement.nonce)];
        LanePair pair = slot.pair;
        (Status status, bytes15 prefix) = pair.read(movement.nonce);
        if (status != Status.None) revert NonceUsed(id, movement.seller, movement.nonce, status, prefix);
        if (!movement.seller.isFrom(id, sellerSignature)) revert InvalidSignature(id, movement.seller);
        if (!movement.buyer.isFrom(id, buyerSignature)) revert InvalidSignature(id, movement.buyer);

        slot.pair = pair.write(movement.nonce, Status.Locked, id);
        emit Locked(id, order.terms.tradeId, movement.token, movement, order.terms);
        ISecurityToken(movement.token).earmark(movement.seller, movement.buyer, movement.quantity);
    }

    /// @inheritdoc IDvP
    function settle(Movement calldata movement, bytes32 hashOfTerms, Proof calldata proof) external {
        bytes32 id = _settlementId(movement, hashOfTerms);
        (Slot storage slot, LanePair pair, Status status) = _open(id, movement);
        if (status == Status.Locked) _requireProof(id, PAID, movement.epoch, proof);

        slot.pair = pair.write(movement.nonce, Status.Settled, id);
        emit Settled(id, movement.seller, movement.nonce);
        ISecurityToken(movement.token).deliver(movement.seller, movement.buyer, movement.quantity);
    }

    /// @inheritdoc IDvP
    function recordPaid(Movement calldata movement, bytes32 hashOfTerms, Proof calldata proof) external {
        bytes32 id = _settlementId(movement, hashOfTerms);
        (Slot storage slot, LanePair pair, Status status) = _open(id, movement);
        if (status != Status.Locked) revert WrongStatus(id, status, Status.Locked);
        _requireProof(id, PAID, movement.epoch, proof);

        slot.pair = pair.write(movement.nonce, Status.Paid, id);
        emit PaidRecorded(id, movement.seller, movement.nonce);
    }

    /// @inheritdoc IDvP
    function giveBack(Movement calldata movement, bytes32 hashOfTerms, Proof calldata proof) external {
        bytes32 id = _settlementId(movement, hashOfTerms);
        (Slot storage slot, LanePair pair, Status status) = _open(id, movement);
        if (status != Status.Locked) revert WrongStatus(id, status, Status.Locked);
        _requireProof(id, NEVER, movement.epoch, proof);

        slot.pair = pair.write(movement.nonce, Status.GivenBack, id);
        emit GivenBack(id, movement.seller, movement.nonce);
        ISecurityToken(movement.token).releaseEarmark(movement.seller, movement.quantity);
    }

    /// @inheritdoc IDvP
    function settlementId(Order calldata order) external view returns (bytes32) {
        return _settlementId(order.movement, termsHash(order.terms));
    }

    /// @inheritdoc IDvP
    function statusOf(address seller, uint64 nonce) external view returns (Status status, bytes15 prefix) {
        return _lanes[seller][Lanes.pairOf(nonce)].pair.read(nonce);
    }

    /// @inheritdoc IDvP
    function statusOfSettlement(bytes32 id, address seller, uint64 nonce) external view returns (Status) {
        (Status status, bytes15 prefix) = _lanes[seller][Lanes.pairOf(nonce)].pair.read(nonce);
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
        return (hex"0f", NAME, VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    /// @inheritdoc IDvP
    function outcomeDigest(bytes32 id, uint8 result, uint32 epoch) public view returns (bytes32) {
        return _digest(keccak256(abi.encode(OUTCOME_TYPEHASH, id, result, epoch)));
    }

    /// @inheritdoc IDvP
    function termsHash(Terms calldata terms) public pure returns (bytes32) {
        return keccak256(abi.encode(TERMS_TYPEHASH, terms));
    }

    function _startEpoch(uint32 epoch, address[] memory agents, uint8 quorum, uint8 faulty) private {
        uint256 count = agents.length;
        if (count == 0 || count > MAX_AGENTS) revert BadAgentCount(count, MAX_AGENTS);
        if (quorum > count || 2 * uint256(quorum) <= count + faulty) revert UnsafeQuorum(count, quorum, faulty);
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            if (agents[i] <= previous) revert AgentsNotAscending(i, previous, agents[i]);
            previous = agents[i];
        }
        currentEpoch = epoch;
        epochHash[epoch] = keccak256(abi.encode(epoch, quorum, agents));
        emit EpochStarted(epoch, epochHash[epoch], quorum, faulty, agents);
    }

    /// @dev All of an order that can be judged without signatures and storage of others.
    function _validate(bytes32 id, Order calldata order) private view {
        Movement calldata movement = order.movement;
        Terms calldata terms = order.terms;
        if (terms.lockBy.hasPassed()) revert LockByPassed(id, block.timestamp, terms.lockBy);
        if (terms.payBy < terms.lockBy) revert PayByBeforeLockBy(id, terms.payBy, terms.lockBy);
        if (movement.epoch != currentEpoch) revert NotCurrentEpoch(id, movement.epoch, currentEpoch);
        if (movement.quantity == 0) revert ZeroQuantity(id);
        if (movement.seller == movement.buyer) revert SameParty(id, movement.seller);
        if (movement.token.code.length == 0) revert NoToken(id, movement.token);
    }

    /// @dev Finds the settlement, Locked or Paid, or refuses by name.
    function _open(bytes32 id, Movement calldata movement)
        private
        view
        returns (Slot storage slot, LanePair pair, Status status)
    {
        bytes15 prefix = 0;
        slot = _lanes[movement.seller][Lanes.pairOf(movement.nonce)];
        pair = slot.pair;
        (status, prefix) = pair.read(movement.nonce);
        if (status == Status.None) revert WrongStatus(id, status, Status.Locked);
        if (prefix != Lanes.prefixOf(id)) revert OrderMismatch(id, prefix, Lanes.prefixOf(id));
        if (status > Status.Paid) revert AlreadyEnded(id, status, Status.Locked);
    }

    /// @dev Rebuilds the epoch from the recovered and the absent agents; its hash must be the stored one. So the
    /// signers are agents of the epoch, each counted once, and the quorum is the epoch's.
    function _requireProof(bytes32 id, uint8 result, uint32 epoch, Proof calldata proof) private view {
        bytes calldata signatures = proof.signatures;
        uint256 signed = signatures.length / 64;
        uint256 count = signed + proof.absent.length;
        if (signatures.length % 64 != 0 || count > MAX_AGENTS || proof.signers >> count != 0) {
            revert MalformedProof(id, signatures.length, proof.absent.length, proof.signers);
        }
        if (signed < proof.quorum) revert QuorumNotReached(id, signed, proof.quorum);

        bytes32 digest = outcomeDigest(id, result, epoch);
        address[] memory agents = new address[](count);
        uint256 next = 0;
        for (uint256 i = 0; i < count; ++i) {
            // next ≤ i ≤ 7, so nothing overflows; a wrong number of set bits is refused before it is used.
            unchecked {
                if ((proof.signers >> i) & 1 == 0) {
                    if (i - next == proof.absent.length) {
                        revert MalformedProof(id, signatures.length, proof.absent.length, proof.signers);
                    }
                    agents[i] = proof.absent[i - next];
                } else {
                    if (next == signed) {
                        revert MalformedProof(id, signatures.length, proof.absent.length, proof.signers);
                    }
                    agents[i] = Signatures.recoverCompactAt(digest, signatures, 64 * next);
                    ++next;
                }
            }
        }
        bytes32 actual = keccak256(abi.encode(epoch, proof.quorum, agents));
        if (actual != epochHash[epoch]) revert ProofNotFromEpoch(id, actual, epochHash[epoch]);
    }

    function _settlementId(Movement calldata movement, bytes32 hashOfTerms) private view returns (bytes32) {
        bytes32 movementHash = keccak256(abi.encode(MOVEMENT_TYPEHASH, movement));
        return _digest(keccak256(abi.encode(ORDER_TYPEHASH, movementHash, hashOfTerms)));
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = block.chainid == _deploymentChainId ? _deploymentDomain : _domain();
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _domain() private view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, address(this))
        );
    }
}
