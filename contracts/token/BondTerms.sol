// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "../interfaces/IERC20.sol";
import {IERC7092Views} from "../interfaces/IERC7092Views.sol";
import {ISecurityToken} from "../interfaces/ISecurityToken.sol";

/// @title What the security is, for life, and the views of ERC-7092 on it
abstract contract BondTerms is ISecurityToken {
    uint256 private constant PPM_PER_BASIS_POINT = 100;

    /// @inheritdoc IERC20
    uint8 public immutable decimals;

    bytes12 internal immutable _isin;
    uint64 internal immutable _nominal;
    uint40 internal immutable _maturityDate;

    bytes3 private immutable _currency;
    Kind private immutable _kind;
    DayCount private immutable _dayCount;
    uint40 private immutable _issueDate;
    uint32 private immutable _couponRate;
    uint8 private immutable _couponFrequency;

    constructor(Terms memory terms_) {
        if (terms_.isin == bytes12(0) || (terms_.maturityDate != 0 && terms_.maturityDate <= terms_.issueDate)) {
            revert InvalidTerms(terms_.isin, terms_.issueDate, terms_.maturityDate);
        }
        decimals = terms_.decimals;
        _isin = terms_.isin;
        _currency = terms_.currency;
        _kind = terms_.kind;
        _dayCount = terms_.dayCount;
        _nominal = terms_.nominal;
        _issueDate = terms_.issueDate;
        _maturityDate = terms_.maturityDate;
        _couponRate = terms_.couponRate;
        _couponFrequency = terms_.couponFrequency;
    }

    /// @inheritdoc ISecurityToken
    function terms() external view returns (Terms memory) {
        return Terms({
            isin: _isin,
            kind: _kind,
            currency: _currency,
            decimals: decimals,
            nominal: _nominal,
            issueDate: _issueDate,
            maturityDate: _maturityDate,
            couponRate: _couponRate,
            couponFrequency: _couponFrequency,
            dayCount: _dayCount
        });
    }

    /// @inheritdoc IERC7092Views
    function isin() external view returns (string memory) {
        return string(abi.encodePacked(_isin));
    }

    /// @inheritdoc IERC7092Views
    function denomination() external view returns (uint256) {
        return _nominal;
    }

    /// @inheritdoc IERC7092Views
    function couponRate() external view returns (uint256) {
        return _couponRate / PPM_PER_BASIS_POINT;
    }

    /// @inheritdoc IERC7092Views
    function issueDate() external view returns (uint256) {
        return _issueDate;
    }

    /// @inheritdoc IERC7092Views
    function maturityDate() external view returns (uint256) {
        return _maturityDate;
    }

    /// @inheritdoc IERC7092Views
    function couponFrequency() external view returns (uint256) {
        return _couponFrequency;
    }

    /// @inheritdoc IERC7092Views
    function dayCountBasis() external view returns (uint8) {
        return uint8(_dayCount);
    }

    /// @inheritdoc IERC7092Views
    function currency() external pure returns (address) {
        return address(0);
    }
}
