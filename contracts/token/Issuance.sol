// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISecurityToken} from "../interfaces/ISecurityToken.sol";
import {Accounts} from "../libraries/Accounts.sol";
import {RuleBits} from "../libraries/Rules.sol";
import {Allowances} from "./Allowances.sol";
import {Roles} from "./Roles.sol";

/// @title From issue to redemption, and on to a successor
abstract contract Issuance is Allowances, Roles {
    /// @inheritdoc ISecurityToken
    address public immutable predecessor;

    /// @inheritdoc ISecurityToken
    address public successor;

    constructor(address predecessor_) {
        // Zero is meant: most tokens have none.
        predecessor = predecessor_;
    }

    /// @inheritdoc ISecurityToken
    function issue(address to, uint256 quantity) external only(Role.Issuer) {
        _requireNoSuccessor();
        _judge(to, to);
        if (_accounts[to].account.has(Accounts.FROZEN)) revert ERC7943CannotReceive(to);
        _create(to, quantity, _authorised);
    }

    /// @inheritdoc ISecurityToken
    function tap(uint256 quantity) external onlyConfirming(Role.Issuer) {
        _requireNoSuccessor();
        uint256 before = _authorised;
        // before ≤ MAX_UNITS always.
        unchecked {
            if (quantity > Accounts.MAX_UNITS - before) {
                revert IssuanceLimitExceeded(before, quantity, Accounts.MAX_UNITS);
            }
            _authorised = uint64(before + quantity);
        }
        emit Tapped(quantity, _authorised);
    }

    /// @inheritdoc ISecurityToken
    function redeem(address[] calldata holders, uint256[] calldata quantities)
        external
        onlyConfirming(Role.Issuer)
    {
        // A validator can shift a block's time by seconds; maturity is a day.
        // slither-disable-next-line timestamp
        if (_maturityDate == 0 || block.timestamp < _maturityDate) revert NotMatured(block.timestamp, _maturityDate);
        if (holders.length != quantities.length) revert LengthMismatch(holders.length, quantities.length);
        uint256 total = 0;
        for (uint256 i = 0; i < holders.length; ++i) {
            _takeUnearmarked(holders[i], quantities[i]);
            total += quantities[i];
            emit Redeemed(holders[i], quantities[i]);
            emit Transfer(holders[i], address(0), quantities[i]);
        }
        _leaveSupply(total);
    }

    /// @inheritdoc ISecurityToken
    function buyBack(address from, uint256 quantity) external only(Role.Issuer) {
        _judge(from, from);
        _spendAllowance(from, quantity);
        _takeFree(from, quantity);
        _leaveSupply(quantity);
        emit BoughtBack(from, quantity);
        emit Transfer(from, address(0), quantity);
    }

    /// @inheritdoc ISecurityToken
    function setRules(uint192 jurisdictions, uint32 investorClasses) external only(Role.Issuer) {
        _rules = RuleBits.from(jurisdictions, investorClasses, _rules.isPaused());
        emit RulesChanged(jurisdictions, investorClasses);
    }

    /// @inheritdoc ISecurityToken
    function nameSuccessor(address next) external onlyConfirming(Role.Issuer) {
        _requireNoSuccessor();
        if (next.code.length == 0) revert UnfitSuccessor(next);
        ISecurityToken token = ISecurityToken(next);
        bool sameRegistry = address(token.registry()) == address(registry);
        if (token.predecessor() != address(this) || !sameRegistry || token.terms().isin != _isin) {
            revert UnfitSuccessor(next);
        }
        successor = next;
        emit SuccessorNamed(next);
    }

    /// @inheritdoc ISecurityToken
    function migrate(uint256 quantity) external {
        address next = successor;
        if (next == address(0)) revert NoSuccessor();
        _judge(msg.sender, msg.sender);
        _takeFree(msg.sender, quantity);
        _leaveSupply(quantity);
        emit Migrated(msg.sender, next, quantity);
        emit Transfer(msg.sender, address(0), quantity);
        ISecurityToken(next).acceptMigration(msg.sender, quantity);
    }

    /// @inheritdoc ISecurityToken
    function acceptMigration(address holder, uint256 quantity) external {
        if (msg.sender != predecessor) revert NotPredecessor(msg.sender, predecessor);
        uint256 limit = _authorised + quantity;
        if (limit > Accounts.MAX_UNITS) revert IssuanceLimitExceeded(_authorised, quantity, Accounts.MAX_UNITS);
        // The event is the holder's Transfer from zero.
        _authorised = uint64(limit);
        _create(holder, quantity, limit);
    }

    function _requireNoSuccessor() private view {
        if (successor != address(0)) revert SuccessorAlreadyNamed(successor);
    }
}
