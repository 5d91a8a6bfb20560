// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The views of ERC-7092 (financial bonds) that ERC-20 has not
/// @notice Its setters are left out, transfers with data among them: ERC-20's do the same under the same rules. So
/// its interface id is not claimed. Amounts are minor units of the currency (cents); dates are UTC, seconds since
/// 1970; 0 where a security has no such term.
interface IERC7092Views {
    /// @notice ISO 6166 identifier.
    function isin() external view returns (string memory);

    /// @notice Token contract of the currency: zero, as cash moves in a payment system. The ISO 4217 code stands in
    /// {ISecurityToken-terms}.
    function currency() external view returns (address);

    /// @notice Nominal amount of one base unit.
    function denomination() external view returns (uint256);

    /// @notice Nominal amount of all units issued.
    function issueVolume() external view returns (uint256);

    /// @notice Coupon rate a year in basis points, rounded down; exact in {ISecurityToken-terms}.
    function couponRate() external view returns (uint256);

    /// @notice First day of interest.
    function issueDate() external view returns (uint256);

    /// @notice Day of repayment.
    function maturityDate() external view returns (uint256);

    /// @notice Nominal amount that `account` holds.
    function principalOf(address account) external view returns (uint256);

    /// @notice Coupons a year.
    function couponFrequency() external view returns (uint256);

    /// @notice Number of the day count convention, see {ISecurityToken-DayCount}.
    function dayCountBasis() external view returns (uint8);
}
