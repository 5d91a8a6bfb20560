// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISecurityToken} from "../interfaces/ISecurityToken.sol";

/// @title What DvP asks a token to do for one settlement
/// @notice Calls without Solidity's look at the token's code, which was there at the lock: {IDvP-NoToken}. Since
/// EIP-6780 code stays where it is, but for a contract that is made and destroyed in one transaction; who signs for
/// such a token gets what it does.
library Deliveries {
    /// @notice {ISecurityToken-makeEarmark}; ends in the token's own error if it refuses.
    /// @dev The caller has shown, in this transaction, that `token` has code.
    function makeEarmark(address token, address holder, address beneficiary, uint256 quantity) internal {
        _call(token, ISecurityToken.makeEarmark.selector, holder, beneficiary, quantity);
    }

    /// @notice {ISecurityToken-settleEarmark}; ends in the token's own error if it refuses.
    /// @dev The caller has shown that `token` had code when the earmark was made.
    function settleEarmark(address token, address holder, address to, uint256 quantity) internal {
        _call(token, ISecurityToken.settleEarmark.selector, holder, to, quantity);
    }

    function _call(address token, bytes4 selector, address first, address second, uint256 quantity) private {
        uint256 firstWord = uint160(first);
        uint256 secondWord = uint160(second);
        // Solidity's own encoding of this call and its look at the code cost 200 gas more, twice a settlement.
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            // Written beyond the end of allocated memory, and read before anything else is.
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 0x04), firstWord)
            mstore(add(free, 0x24), secondWord)
            mstore(add(free, 0x44), quantity)
            if iszero(call(gas(), token, 0, free, 0x64, 0x00, 0x00)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }
}
