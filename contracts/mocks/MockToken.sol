// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A token that reenters its caller, or refuses, whenever it is called. For tests only.
contract MockToken {
    error Refused();

    enum Mischief {
        None,
        BurnsGas,
        FloodsWithData
    }

    Mischief public mischief;
    bool public refuses;
    bytes public payload;
    bool public reentryDone;
    bytes public reentryAnswer;

    /// @notice From now on every call sends `payload_` back to the caller; empty: does nothing.
    function prepare(bytes calldata payload_, bool refuses_) external {
        payload = payload_;
        refuses = refuses_;
    }

    /// @notice From now on every call ends so.
    function become(Mischief mischief_) external {
        mischief = mischief_;
    }

    function makeEarmark(address, address, uint256) external {
        _misbehave();
    }

    function settleEarmark(address, address, uint256) external {
        _misbehave();
    }

    function earmarkNet(uint256[] calldata) external {
        _misbehave();
    }

    function settleNet(uint256[] calldata) external {
        _misbehave();
    }

    function releaseEarmark(address, uint256) external {
        _misbehave();
    }

    function _misbehave() private {
        if (mischief == Mischief.BurnsGas) while (true) {}
        if (mischief == Mischief.FloodsWithData) {
            assembly ("memory-safe") {
                revert(0x00, 0x8000)
            }
        }
        if (refuses) revert Refused();
        if (payload.length == 0) return;
        (reentryDone, reentryAnswer) = msg.sender.call(payload);
    }
}
