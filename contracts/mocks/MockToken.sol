// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A token that reenters its caller, or refuses, whenever it is called. For tests only.
contract MockToken {
    error Refused();

    bool public refuses;
    bytes public payload;
    bool public reentryDone;
    bytes public reentryAnswer;

    /// @notice From now on every call sends `payload_` back to the caller; empty: does nothing.
    function prepare(bytes calldata payload_, bool refuses_) external {
        payload = payload_;
        refuses = refuses_;
    }

    function earmark(address, address, uint256) external {
        _misbehave();
    }

    function deliver(address, address, uint256) external {
        _misbehave();
    }

    function releaseEarmark(address, uint256) external {
        _misbehave();
    }

    function _misbehave() private {
        if (refuses) revert Refused();
        if (payload.length == 0) return;
        (reentryDone, reentryAnswer) = msg.sender.call(payload);
    }
}
