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
    function from(address who, int256 units) internal pure returns (Position) {
        return Position.wrap((uint256(uint160(who)) << 96) | uint96(uint256(units)));
    }

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
        // Fewer than 2^64 numbers of 96 bits.
        unchecked {
            for (uint256 i = 0; i < positions.length; ++i) {
                sum += positions[i].net();
            }
        }
        if (sum != 0) revert ISecurityToken.UnbalancedNet(sum);
    }
}
