// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Calls whose failure does not end the caller
library Attempts {
    /// @notice The most bytes of a refusal that are kept.
    uint256 internal constant MAX_REASON = 256;

    /// @notice Gas that must stay with the caller of an attempt, to write down how it ended.
    uint256 internal constant RESERVE = 60_000;

    /// @notice The gas that must be left so that an attempt gets all of `limit`: a call passes on at most 63/64.
    function needed(uint256 limit) internal pure returns (uint256) {
        // Limits are constants below 2^32.
        unchecked {
            return limit + limit / 63 + RESERVE;
        }
    }

    /// @notice Where free memory begins.
    function mark() internal pure returns (uint256 place) {
        // Solidity has no name for the free memory pointer.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            place := mload(0x40)
        }
    }

    /// @notice Frees all memory from `place` on; the caller uses none of it any more.
    /// @dev A batch that keeps each leg's calldata pays for memory by its square.
    function release(uint256 place) internal pure {
        // Solidity has no name for the free memory pointer.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            mstore(0x40, place)
        }
    }

    /// @notice Calls `target` with exactly `limit` gas; the caller has seen that {needed} is there.
    /// @return done whether it succeeded.
    /// @return reason the start of what it answered when it did not.
    function attempt(address target, uint256 limit, bytes memory data)
        internal
        returns (bool done, bytes memory reason)
    {
        // Solidity's own call copies the whole answer, at the caller's cost.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            done := call(limit, target, 0, add(data, 0x20), mload(data), 0, 0)
        }
        if (done) return (done, reason);
        // Only the beginning of the answer is copied: its length is the callee's choice.
        assembly ("memory-safe") {
            let length := returndatasize()
            if gt(length, MAX_REASON) { length := MAX_REASON }
            reason := mload(0x40)
            mstore(reason, length)
            returndatacopy(add(reason, 0x20), 0, length)
            mstore(0x40, add(reason, 0x140))
        }
    }
}
