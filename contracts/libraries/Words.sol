// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A row of words in memory, of a length that its maker knows.
type Words is uint256;

using Row for Words global;

/// @title Words in memory without a check of each place
/// @notice For what a cycle does with each leg and position, where the compiler's arrays would cost more than what is
/// done with them. The caller has shown that every place is within the row.
library Row {
    /// @notice A row of `length` zeros.
    function create(uint256 length) internal pure returns (Words row) {
        return _start(new bytes32[](length));
    }

    /// @notice Zeros, but every `width`-th word, from the first on, an entry of `list`.
    function spread(address[] calldata list, uint256 width) internal pure returns (Words row) {
        row = create(list.length * width);
        for (uint256 i = 0; i < list.length; ++i) {
            row.put(i * width, uint160(list[i]));
        }
    }

    /// @notice The row from `place` on.
    function from(Words row, uint256 place) internal pure returns (Words) {
        // Both are within memory.
        unchecked {
            return Words.wrap(Words.unwrap(row) + 32 * place);
        }
    }

    function get(Words row, uint256 place) internal pure returns (uint256 word) {
        // An array would check the place again.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            word := mload(add(row, shl(5, place)))
        }
    }

    function addressAt(Words row, uint256 place) internal pure returns (address) {
        return address(uint160(row.get(place)));
    }

    function put(Words row, uint256 place, uint256 word) internal pure {
        // An array would check the place again.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            mstore(add(row, shl(5, place)), word)
        }
    }

    /// @notice keccak256 over the words from the start of `row` up to that of `end`.
    function hashTo(Words row, Words end) internal pure returns (bytes32 result) {
        // The words lie in memory one after the other already.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            result := keccak256(row, sub(end, row))
        }
    }

    function _start(bytes32[] memory list) private pure returns (Words row) {
        // A list's words come after its length.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            row := add(list, 0x20)
        }
    }
}
