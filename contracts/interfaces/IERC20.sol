// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-20 with metadata, and the ERC-6093 errors of it that are used here
interface IERC20 {
    /// @notice `value` units moved; from zero: issued.
    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @notice `spender` may move up to `value` free units of `owner`.
    event Approval(address indexed owner, address indexed spender, uint256 value);

    /// @notice ERC-6093. `balance` is what could move: the free units.
    error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);

    /// @notice ERC-6093.
    error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);

    /// @notice ERC-6093.
    error ERC20InvalidReceiver(address receiver);

    /// @notice ERC-6093.
    error ERC20InvalidSpender(address spender);

    /// @notice The security's name.
    function name() external view returns (string memory);

    /// @notice The security's short name.
    function symbol() external view returns (string memory);

    /// @notice How many decimals of a unit are shown: 10**decimals base units make one.
    function decimals() external view returns (uint8);

    /// @notice All units issued, in base units.
    function totalSupply() external view returns (uint256);

    /// @notice All units that `account` owns, earmarked ones included.
    function balanceOf(address account) external view returns (uint256);

    /// @notice What `spender` may still move of `owner`'s free units.
    function allowance(address owner, address spender) external view returns (uint256);

    /// @notice Moves the caller's free units.
    /// @dev Emits {Transfer}. Requirements: caller and `to` are eligible now; `value` ≤ the caller's free units.
    function transfer(address to, uint256 value) external returns (bool);

    /// @notice Lets `spender` move up to `value` of the caller's free units; the maximum means without end.
    /// @dev Emits {Approval}. Requirements: both are eligible now, unless `value` is 0: to take a permission
    /// back is always possible.
    function approve(address spender, uint256 value) external returns (bool);

    /// @notice Moves `from`'s free units with its permission.
    /// @dev Emits {Transfer}. Requirements: caller, `from` and `to` are eligible now; `value` ≤ the allowance and
    /// ≤ the free units.
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}
