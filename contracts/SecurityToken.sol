// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "./interfaces/IERC20.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {Account, Accounts} from "./libraries/Accounts.sol";

/// @title One security, its holdings, and earmarks in place
contract SecurityToken is ISecurityToken {
    /// @inheritdoc IERC20
    uint8 public immutable decimals;

    /// @inheritdoc ISecurityToken
    bytes12 public immutable isin;

    /// @inheritdoc ISecurityToken
    IParticipantRegistry public immutable registry;

    address private immutable _lane0;
    address private immutable _lane1;
    address private immutable _lane2;

    /// @inheritdoc IERC20
    string public name;

    /// @inheritdoc IERC20
    string public symbol;

    /// @dev One slot, from the low end:
    ///
    ///   0        160           224    256
    ///   | issuer | totalSupply | free |
    ///
    /// @inheritdoc ISecurityToken
    // Not immutable: shares the supply's slot, so that issuing reads one slot, and a role is to be handed over.
    // slither-disable-next-line immutable-states
    address public issuer;
    uint64 private _totalSupply;

    /// @dev One slot a holder; drawn in libraries/Accounts.sol.
    mapping(address holder => Account) private _accounts;

    /// @inheritdoc IERC20
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    /// @param name_ the security's name.
    /// @param symbol_ its short name.
    /// @param isin_ its ISO 6166 identifier, 12 ASCII characters.
    /// @param decimals_ how many decimals of a unit are shown.
    /// @param registry_ who judges eligibility.
    /// @param issuer_ who may issue.
    /// @param earmarkers_ owners of lane 0 (DvP), 1 (collateral), 2 (gateway); zero for none.
    constructor(
        string memory name_,
        string memory symbol_,
        bytes12 isin_,
        uint8 decimals_,
        IParticipantRegistry registry_,
        address issuer_,
        address[3] memory earmarkers_
    ) {
        if (address(registry_) == address(0) || issuer_ == address(0)) revert ZeroAddress();
        for (uint256 lane = 0; lane < 3; ++lane) {
            address earmarker = earmarkers_[lane];
            if (earmarker != address(0) && earmarker == earmarkers_[(lane + 1) % 3]) {
                revert DuplicateEarmarker(earmarker);
            }
        }
        name = name_;
        symbol = symbol_;
        isin = isin_;
        decimals = decimals_;
        registry = registry_;
        issuer = issuer_;
        _lane0 = earmarkers_[0];
        _lane1 = earmarkers_[1];
        _lane2 = earmarkers_[2];
    }

    /// @inheritdoc IERC20
    function transfer(address to, uint256 value) external returns (bool) {
        registry.requireEligible(msg.sender, to);
        _moveFree(msg.sender, to, value);
        return true;
    }

    /// @inheritdoc IERC20
    function approve(address spender, uint256 value) external returns (bool) {
        if (spender == address(0)) revert ERC20InvalidSpender(spender);
        if (value > 0) registry.requireEligible(msg.sender, spender);
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    /// @inheritdoc IERC20
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        registry.requireEligible(from, to);
        registry.requireEligible(msg.sender, msg.sender);
        uint256 allowed = allowance[from][msg.sender];
        if (value > allowed) revert ERC20InsufficientAllowance(msg.sender, allowed, value);
        if (allowed != type(uint256).max) {
            // value ≤ allowed was just checked.
            unchecked {
                allowance[from][msg.sender] = allowed - value;
            }
        }
        _moveFree(from, to, value);
        return true;
    }

    /// @inheritdoc ISecurityToken
    function issue(address to, uint256 quantity) external {
        if (msg.sender != issuer) revert NotIssuer(msg.sender, issuer);
        uint256 issued = _totalSupply;
        // issued ≤ MAX_UNITS always: this function is the only one that changes it.
        unchecked {
            if (quantity > Accounts.MAX_UNITS - issued) {
                revert IssuanceLimitExceeded(issued, quantity, Accounts.MAX_UNITS);
            }
        }
        registry.requireEligible(to, to);
        // The sum is ≤ MAX_UNITS < 2^64, as just checked.
        unchecked {
            _totalSupply = uint64(issued + quantity);
        }
        _accounts[to] = _accounts[to].credit(quantity);
        emit Transfer(address(0), to, quantity);
    }

    /// @inheritdoc ISecurityToken
    function earmark(address holder, address beneficiary, uint256 quantity) external {
        uint256 lane = _laneOf(msg.sender);
        registry.requireEligible(holder, beneficiary);
        Account account = _accounts[holder];
        uint256 free = account.free();
        if (quantity > free) revert InsufficientFreeUnits(holder, free, quantity);
        _accounts[holder] = account.addEarmark(lane, quantity);
        emit Earmarked(holder, msg.sender, beneficiary, quantity);
    }

    /// @inheritdoc ISecurityToken
    function releaseEarmark(address holder, uint256 quantity) external {
        _accounts[holder] = _unearmarked(holder, quantity);
        emit EarmarkReleased(holder, msg.sender, quantity);
    }

    /// @inheritdoc ISecurityToken
    function deliver(address holder, address to, uint256 quantity) external {
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        // A lane holds at most the balance, so the balance covers what just left the lane.
        _accounts[holder] = _unearmarked(holder, quantity).debit(quantity);
        // Read after the write: delivery to the holder itself is exact. The sum of balances stays the supply.
        _accounts[to] = _accounts[to].credit(quantity);
        emit EarmarkReleased(holder, msg.sender, quantity);
        emit Transfer(holder, to, quantity);
    }

    /// @inheritdoc IERC20
    function totalSupply() external view returns (uint256) {
        return _totalSupply;
    }

    /// @inheritdoc IERC20
    function balanceOf(address account) external view returns (uint256) {
        return _accounts[account].balance();
    }

    /// @inheritdoc ISecurityToken
    function freeOf(address holder) external view returns (uint256) {
        return _accounts[holder].free();
    }

    /// @inheritdoc ISecurityToken
    function earmarkedOf(address holder, address earmarker) external view returns (uint256) {
        return _accounts[holder].earmarked(_laneOf(earmarker));
    }

    /// @inheritdoc ISecurityToken
    function earmarkedTotalOf(address holder) external view returns (uint256) {
        return _accounts[holder].earmarkedTotal();
    }

    /// @inheritdoc ISecurityToken
    function earmarkers() external view returns (address[3] memory) {
        return [_lane0, _lane1, _lane2];
    }

    /// @dev Both parties have been judged; zero is never registered, so never a party.
    function _moveFree(address from, address to, uint256 value) private {
        Account sender = _accounts[from];
        uint256 free = sender.free();
        if (value > free) revert ERC20InsufficientBalance(from, free, value);
        _accounts[from] = sender.debit(value);
        // Read after the write: a transfer to oneself is exact. The sum of balances stays the supply.
        _accounts[to] = _accounts[to].credit(value);
        emit Transfer(from, to, value);
    }

    /// @dev `holder`'s account with `quantity` taken out of the caller's lane; writes nothing.
    function _unearmarked(address holder, uint256 quantity) private view returns (Account) {
        uint256 lane = _laneOf(msg.sender);
        Account account = _accounts[holder];
        uint256 earmarked = account.earmarked(lane);
        if (quantity > earmarked) revert InsufficientEarmark(holder, msg.sender, earmarked, quantity);
        return account.removeEarmark(lane, quantity);
    }

    function _laneOf(address earmarker) private view returns (uint256) {
        if (earmarker != address(0)) {
            if (earmarker == _lane0) return 0;
            if (earmarker == _lane1) return 1;
            if (earmarker == _lane2) return 2;
        }
        revert NotEarmarker(earmarker);
    }
}
