// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "./IERC165.sol";

/// @title ERC-7943 for fungible tokens, as its final text has it; interface id 0x3edbb4c4
/// @dev What the text leaves open, and how it was decided: docs/explanation/contracts.md.
interface IERC7943Fungible is IERC165 {
    /// @notice `amount` units were taken from `from` and given to `to`.
    event ForcedTransfer(address indexed from, address indexed to, uint256 amount);

    /// @notice `amount` units of `account` are frozen from now on.
    event Frozen(address indexed account, uint256 amount);

    /// @notice `account` may not send.
    error ERC7943CannotSend(address account);

    /// @notice `account` may not receive.
    error ERC7943CannotReceive(address account);

    /// @notice No transfer of `amount` from `from` to `to` is allowed.
    error ERC7943CannotTransfer(address from, address to, uint256 amount);

    /// @notice `amount` is there, but more of it is frozen than can be spared.
    error ERC7943InsufficientUnfrozenBalance(address account, uint256 amount, uint256 unfrozen);

    /// @notice Takes `amount` units from `from` and gives them to `to`.
    /// @dev Emits {Frozen} if frozen units are among them, then Transfer and {ForcedTransfer}.
    function forcedTransfer(address from, address to, uint256 amount) external returns (bool result);

    /// @notice Sets how many units of `account` are frozen; may be more than it has.
    /// @dev Emits {Frozen}. Requirements: as {ISecurityToken-setAccountFrozen}; as many as now or more is a freeze,
    /// fewer frees.
    function setFrozenTokens(address account, uint256 amount) external returns (bool result);

    /// @notice Whether `account` may send. Never reverts.
    function canSend(address account) external view returns (bool allowed);

    /// @notice Whether `account` may receive. Never reverts.
    function canReceive(address account) external view returns (bool allowed);

    /// @notice How many units of `account` are frozen; may be more than it has.
    function getFrozenTokens(address account) external view returns (uint256 amount);

    /// @notice Whether a transfer would pass every rule now. Never reverts.
    function canTransfer(address from, address to, uint256 amount) external view returns (bool allowed);
}
