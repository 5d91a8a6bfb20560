// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDvP} from "../interfaces/IDvP.sol";
import {IDvPNet} from "../interfaces/IDvPNet.sol";

/// @title What is signed (EIP-712): type hashes and struct hashes
library TypedData {
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant MOVEMENT_TYPEHASH = keccak256(
        "Movement(address token,address seller,address buyer,uint64 quantity,uint32 epoch,uint64 nonce)"
    );
    bytes32 internal constant TERMS_TYPEHASH = keccak256(
        "Terms(bytes32 tradeId,uint32 part,uint64 minimumLot,bytes32 group,bytes32 cashHash,uint40 lockBy,uint40 payBy)"
    );
    // EIP-712: the struct's own type, then those it refers to, by name.
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(Movement movement,Terms terms)"
        "Movement(address token,address seller,address buyer,uint64 quantity,uint32 epoch,uint64 nonce)"
        "Terms(bytes32 tradeId,uint32 part,uint64 minimumLot,bytes32 group,bytes32 cashHash,uint40 lockBy,uint40 payBy)"
    );
    bytes32 internal constant OUTCOME_TYPEHASH =
        keccak256("Outcome(bytes32 settlementId,uint8 result,uint32 epoch)");
    bytes32 internal constant OUTCOMES_TYPEHASH =
        keccak256("Outcomes(bytes32[] settlementIds,uint8 result,uint32 epoch)");
    bytes32 internal constant ROTATION_TYPEHASH = keccak256(
        "Rotation(uint32 epoch,address[] agents,uint8 quorum,uint8 faulty,address officer,address confirmer)"
    );

    bytes32 internal constant PART_TYPEHASH = keccak256("Part(bytes32 orderId,uint32 part,uint64 quantity)");
    bytes32 internal constant CYCLE_TYPEHASH = keccak256(
        "Cycle(address[] tokens,address[] parties,bytes legs,bytes32 cashHash,uint32 epoch,uint40 lockBy,uint40 payBy)"
    );
    bytes32 internal constant NET_LEG_TYPEHASH =
        keccak256("NetLeg(address token,address seller,address buyer,uint64 quantity,bytes32 termsHash)");
    bytes32 internal constant NET_LIMIT_TYPEHASH = keccak256("NetLimit(address token,int256 least)");
    bytes32 internal constant NET_STATEMENT_TYPEHASH = keccak256(
        "NetStatement(bytes32 cycleId,NetLeg[] legs,NetLimit[] limits)"
        "NetLeg(address token,address seller,address buyer,uint64 quantity,bytes32 termsHash)"
        "NetLimit(address token,int256 least)"
    );

    string internal constant NAME = "Lockstep DvP";
    string internal constant VERSION = "1";

    /// @notice An order in calldata: 6 words of movement, 7 of terms.
    uint256 internal constant ORDER_BYTES = 13 * 32;

    uint256 private constant MOVEMENT_BYTES = 6 * 32;
    uint256 private constant TERMS_BYTES = 7 * 32;

    function hashMovement(IDvP.Movement calldata movement) internal pure returns (bytes32) {
        uint256 start = 0;
        // Calldata is hashed as it lies: ABI words and EIP-712's are the same.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            start := movement
        }
        return _hashWords(MOVEMENT_TYPEHASH, start, MOVEMENT_BYTES);
    }

    function hashTerms(IDvP.Terms calldata terms) internal pure returns (bytes32) {
        uint256 start = 0;
        // Calldata is hashed as it lies: ABI words and EIP-712's are the same.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            start := terms
        }
        return _hashWords(TERMS_TYPEHASH, start, TERMS_BYTES);
    }

    function hashOrder(bytes32 movementHash, bytes32 termsHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER_TYPEHASH, movementHash, termsHash));
    }

    /// @notice The order's words as they lie in calldata.
    // Offset and length are two halves of one reference.
    // slither-disable-next-line write-after-write
    function raw(IDvP.Order calldata order) internal pure returns (bytes calldata words) {
        // Calldata is hashed as it lies: ABI words and EIP-712's are the same.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            words.offset := order
            words.length := ORDER_BYTES
        }
    }

    function hashOutcome(bytes32 id, uint8 result, uint32 epoch) internal pure returns (bytes32) {
        return keccak256(abi.encode(OUTCOME_TYPEHASH, id, result, epoch));
    }

    function hashOutcomes(bytes32[] memory ids, uint8 result, uint32 epoch) internal pure returns (bytes32) {
        return keccak256(abi.encode(OUTCOMES_TYPEHASH, hashList(ids), result, epoch));
    }

    /// @notice keccak256(abi.encodePacked(words)) without the copy: EIP-712's hash of an array.
    function hashList(bytes32[] memory words) internal pure returns (bytes32 hash) {
        // The words lie in memory one after the other already.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            hash := keccak256(add(words, 0x20), mul(mload(words), 0x20))
        }
    }

    function hashRotation(uint32 number, IDvP.Epoch memory next) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ROTATION_TYPEHASH,
                number,
                keccak256(abi.encodePacked(next.agents)),
                next.quorum,
                next.faulty,
                next.officer,
                next.confirmer
            )
        );
    }

    function hashPart(bytes32 orderId, uint32 part, uint64 quantity) internal pure returns (bytes32) {
        return keccak256(abi.encode(PART_TYPEHASH, orderId, part, quantity));
    }

    function hashCycle(IDvPNet.Cycle calldata cycle) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                CYCLE_TYPEHASH,
                keccak256(abi.encodePacked(cycle.tokens)),
                keccak256(abi.encodePacked(cycle.parties)),
                keccak256(cycle.legs),
                cycle.cashHash,
                cycle.epoch,
                cycle.lockBy,
                cycle.payBy
            )
        );
    }

    /// @param legsHash keccak256 over the struct hashes of the legs; `limitsHash` of the limits.
    function hashNetStatement(bytes32 cycleId, bytes32 legsHash, bytes32 limitsHash)
        internal
        pure
        returns (bytes32 hash)
    {
        bytes32 typeHash = NET_STATEMENT_TYPEHASH;
        // keccak256(abi.encode(…)) without allocating, once a party.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            mstore(add(free, 0x20), cycleId)
            mstore(add(free, 0x40), legsHash)
            mstore(add(free, 0x60), limitsHash)
            hash := keccak256(free, 0x80)
        }
    }

    /// @notice EIP-712 domain of `verifier` on this chain, as it calls itself now.
    function domain(address verifier) internal view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(NAME)), keccak256(bytes(VERSION)), block.chainid, verifier)
        );
    }

    /// @notice EIP-712 digest.
    function digest(bytes32 separator, bytes32 structHash) internal pure returns (bytes32 result) {
        // keccak256(abi.encodePacked(hex"1901", separator, structHash)) without allocating.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, hex"1901")
            mstore(add(free, 0x02), separator)
            mstore(add(free, 0x22), structHash)
            result := keccak256(free, 0x42)
        }
    }

    /// @notice Emits {IDvP.Locked} with the order as it lies in calldata, which is how the ABI encodes it.
    /// @dev The caller has read, and so had checked, each field that is narrower than a word.
    function emitLocked(bytes32 id, IDvP.Order calldata order) internal {
        bytes32 topic = IDvP.Locked.selector;
        // `emit` reads and writes each field apart: 900 gas.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, order, ORDER_BYTES)
            log2(free, ORDER_BYTES, topic, id)
        }
    }

    /// @dev A struct of value types lies in calldata exactly as EIP-712 encodes it. A word with stray high bits
    /// gives a hash that no wallet signs, and is refused where the field is read.
    function _hashWords(bytes32 typeHash, uint256 start, uint256 length) private pure returns (bytes32 hash) {
        // abi.encode reads and writes each field apart: 400 gas a struct.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            // Written beyond the end of allocated memory, and read before anything else is.
            let free := mload(0x40)
            mstore(free, typeHash)
            calldatacopy(add(free, 0x20), start, length)
            hash := keccak256(free, add(length, 0x20))
        }
    }
}
