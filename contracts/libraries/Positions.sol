// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISecurityToken} from "../interfaces/ISecurityToken.sol";

/// @notice What one party gives or gets of one security, net; one word, from the low end:
///
///   0     96      256
///   | net | party |
///
/// `net` is in base units, signed: received less delivered. 96 bits hold the sum of 2^32 quantities.
type Position is uint256;

using Positions for Position global;

/// @title Net positions in one security
library Positions {
    function party(Position position) internal pure returns (address) {
        return address(uint160(Position.unwrap(position) >> 96));
    }

    function net(Position position) internal pure returns (int256) {
        return int96(uint96(Position.unwrap(position)));
    }

    /// @notice What the party gives; 0 if it does not.
    function given(Position position) internal pure returns (uint256) {
        int256 units = net(position);
        // Below zero and above -2^95: negated it fits.
        unchecked {
            return units < 0 ? uint256(-units) : 0;
        }
    }

    /// @notice What the party gets; 0 if it does not.
    function taken(Position position) internal pure returns (uint256) {
        int256 units = net(position);
        return units > 0 ? uint256(units) : 0;
    }

    /// @notice Refuses positions that create or destroy units.
    function requireBalanced(Position[] calldata positions) internal pure {
        int256 sum = 0;
        // Fewer than 2^64 numbers of 96 bits, the low ones of each word. An array's checks would double the cost.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            let end := add(positions.offset, shl(5, positions.length))
            for { let at := positions.offset } lt(at, end) { at := add(at, 0x20) } {
                sum := add(sum, signextend(11, calldataload(at)))
            }
        }
        if (sum != 0) revert ISecurityToken.UnbalancedNet(sum);
    }
}
