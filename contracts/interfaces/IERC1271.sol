// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-1271: a wallet that is a contract says whether a signature is its own
interface IERC1271 {
    /// @return magicValue 0x1626ba7e, this function's selector, if `signature` over `hash` is the wallet's.
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4 magicValue);
}
