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
}
