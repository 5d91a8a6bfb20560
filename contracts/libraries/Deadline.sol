// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The one boundary rule
/// @notice A deadline is the last second at which something may still happen: inclusive, everywhere.
library Deadline {
    /// @notice Whether `deadline` (UTC, seconds since 1970) lies behind the block's time.
    function hasPassed(uint40 deadline) internal view returns (bool) {
        // A validator can shift a block's time by seconds; deadlines here are minutes and more apart.
        // slither-disable-next-line timestamp
        return block.timestamp > deadline;
    }

    /// @notice The last second of a wait of `duration` from now.
    function fromNow(uint40 duration) internal view returns (uint40) {
        // Seconds since 1970 leave 2^40 in the year 36812.
        unchecked {
            return uint40(block.timestamp) + duration;
        }
    }
}
