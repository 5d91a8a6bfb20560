// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Who may hold one security, and whether it is paused; one storage slot, from the low end:
///
///   0               192       224      225    256
///   | jurisdictions | classes | paused | free |
///
/// Bit n of the jurisdictions stands for the country that the registry numbers n, bit n of the classes for
/// investor class n. One slot, so that a movement reads it once and hands it to the registry as an argument.
type Rules is uint256;

using RuleBits for Rules global;

/// @title Reading and writing a security's rules
library RuleBits {
    /// @notice How many jurisdictions and investor classes a rule can tell apart.
    uint256 internal constant JURISDICTIONS = 192;
    uint256 internal constant CLASSES = 32;

    uint256 private constant PAUSED = JURISDICTIONS + CLASSES;

    function from(uint192 jurisdictions_, uint32 classes_, bool paused) internal pure returns (Rules) {
        return Rules.wrap(uint256(jurisdictions_) | (uint256(classes_) << JURISDICTIONS) | (paused ? 1 << PAUSED : 0));
    }

    function jurisdictions(Rules rules) internal pure returns (uint192) {
        return uint192(Rules.unwrap(rules));
    }

    function classes(Rules rules) internal pure returns (uint32) {
        return uint32(Rules.unwrap(rules) >> JURISDICTIONS);
    }

    function isPaused(Rules rules) internal pure returns (bool) {
        // Nothing stands above.
        return Rules.unwrap(rules) >> PAUSED != 0;
    }

    /// @dev `number` < 192.
    function allowsJurisdiction(Rules rules, uint256 number) internal pure returns (bool) {
        return (Rules.unwrap(rules) >> number) & 1 != 0;
    }
}
