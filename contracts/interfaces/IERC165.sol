// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-165: which interfaces a contract answers
interface IERC165 {
    /// @notice Whether the contract implements the interface `interfaceId`.
    function supportsInterface(bytes4 interfaceId) external view returns (bool);
}
