// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A row of words in memory, of a length that its maker knows.
type Words is uint256;

using Row for Words global;

/// @title Words in memory without a check of each place
/// @notice For the inner loop of a cycle, where the compiler's arrays would cost more than what is done with them. The
/// caller has shown that every place is within the row.
library Row {
    /// @notice A row of `length` zeros.
    function create(uint256 length) internal pure returns (Words row) {
        return Words.wrap(_start(new bytes32[](length)));
    }

    function copyOf(address[] calldata list) internal pure returns (Words row) {
        row = create(list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            row.put(i, uint160(list[i]));
        }
    }

    function get(Words row, uint256 place) internal pure returns (uint256 word) {
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            word := mload(add(row, shl(5, place)))
        }
    }

    function addressAt(Words row, uint256 place) internal pure returns (address) {
        return address(uint160(row.get(place)));
    }

    function put(Words row, uint256 place, uint256 word) internal pure {
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            mstore(add(row, shl(5, place)), word)
        }
    }

    /// @notice Adds `units` to a word, modulo 2^256.
    function increase(Words row, uint256 place, uint256 units) internal pure {
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            let slot := add(row, shl(5, place))
            mstore(slot, add(mload(slot), units))
        }
    }

    /// @notice Counts a word up by one.
    /// @return before what stood there.
    function count(Words row, uint256 place) internal pure returns (uint256 before) {
        before = row.get(place);
        row.increase(place, 1);
    }

    /// @notice keccak256 over the words from `start` up to `end`.
    function hash(Words row, uint256 start, uint256 end) internal pure returns (bytes32 result) {
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            result := keccak256(add(row, shl(5, start)), shl(5, sub(end, start)))
        }
    }

    function _start(bytes32[] memory list) private pure returns (uint256 start) {
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            start := add(list, 0x20)
        }
    }
}
