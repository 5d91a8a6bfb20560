// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC165} from "./interfaces/IERC165.sol";
import {IERC1643} from "./interfaces/IERC1643.sol";
import {IERC20} from "./interfaces/IERC20.sol";
import {IERC7943Fungible} from "./interfaces/IERC7943Fungible.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {ISecurityToken} from "./interfaces/ISecurityToken.sol";
import {Account, Accounts} from "./libraries/Accounts.sol";
import {Judgement} from "./libraries/Judgement.sol";
import {Position, Positions} from "./libraries/Positions.sol";
import {Rules} from "./libraries/Rules.sol";
import {Allowances} from "./token/Allowances.sol";
import {BondTerms} from "./token/BondTerms.sol";
import {Exceptions} from "./token/Exceptions.sol";
import {Holdings} from "./token/Holdings.sol";
import {Issuance} from "./token/Issuance.sol";
import {Prospectus} from "./token/Prospectus.sol";
import {Roles} from "./token/Roles.sol";

/// @title One security, its holdings, and earmarks in place
/// @dev Read in this order: token/Holdings.sol, what a holding is and how it moves; here, transfers and earmarks, the
/// everyday acts; then what is rare, one file each.
contract SecurityToken is Exceptions, Issuance, Prospectus {
    using Judgement for IParticipantRegistry;
    using Positions for Position[];

    address private immutable _lane0;
    address private immutable _lane1;
    address private immutable _lane2;

    /// @param name_ the security's name; also the name of its EIP-712 domain.
    /// @param symbol_ its short name.
    /// @param terms_ what the security is.
    /// @param setup how it starts.
    constructor(string memory name_, string memory symbol_, Terms memory terms_, Setup memory setup)
        BondTerms(terms_)
        Holdings(setup)
        Allowances(name_, symbol_)
        Roles(setup.issuer, setup.officer, setup.confirmer)
        Issuance(setup.predecessor)
    {
        for (uint256 lane = 0; lane < 3; ++lane) {
            address earmarker = setup.earmarkers[lane];
            if (earmarker != address(0) && earmarker == setup.earmarkers[(lane + 1) % 3]) {
                revert DuplicateEarmarker(earmarker);
            }
        }
        _lane0 = setup.earmarkers[0];
        _lane1 = setup.earmarkers[1];
        _lane2 = setup.earmarkers[2];
    }

    /// @inheritdoc IERC20
    function transfer(address to, uint256 value) external returns (bool) {
        _judge(msg.sender, to);
        _moveFree(msg.sender, to, value);
        return true;
    }

    /// @inheritdoc IERC20
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        _judge(from, to);
        registry.requireEligible(msg.sender, msg.sender);
        _spendAllowance(from, value);
        _moveFree(from, to, value);
        return true;
    }

    /// @inheritdoc ISecurityToken
    function makeEarmark(address holder, address beneficiary, uint256 quantity) external {
        uint256 lane = _laneOf(msg.sender);
        _judge(holder, beneficiary);
        _earmark(lane, holder, quantity);
    }

    /// @inheritdoc ISecurityToken
    function earmarkNet(Position[] calldata positions) external {
        uint256 lane = _laneOf(msg.sender);
        positions.requireBalanced();
        Rules current = _rules;
        if (current.isPaused()) revert SecurityPaused(_isin);
        registry.judgeAll(positions, current);
        for (uint256 i = 0; i < positions.length; ++i) {
            Position position = positions[i];
            uint256 quantity = position.given();
            if (quantity != 0) _earmark(lane, position.party(), quantity);
        }
    }

    /// @inheritdoc ISecurityToken
    function releaseEarmark(address holder, uint256 quantity) external {
        Holding storage holding = _accounts[holder];
        Account account = _unearmarked(holder, holding.account, quantity);
        emit EarmarkReleased(holder, msg.sender, quantity);
        if (account.has(Accounts.RECOVERED)) {
            // A lane holds at most the balance, so the balance covers what just left the lane.
            holding.account = account.debit(quantity);
            _arrive(holder, holder, quantity);
        } else {
            holding.account = account;
        }
    }

    /// @inheritdoc ISecurityToken
    function settleEarmark(address holder, address to, uint256 quantity) external {
        if (to == address(0)) revert ERC20InvalidReceiver(to);
        _debitEarmarked(holder, quantity);
        _arrive(holder, to, quantity);
    }

    /// @inheritdoc ISecurityToken
    function settleNet(Position[] calldata positions) external {
        positions.requireBalanced();
        (uint256 giver, uint256 owed, address from) = (0, 0, address(0));
        for (uint256 i = 0; i < positions.length; ++i) {
            uint256 taken = positions[i].taken();
            if (taken == 0) continue;
            address to = _heirIfRecovered(positions[i].party());
            if (to == address(0)) revert ERC20InvalidReceiver(to);
            Holding storage receiving = _accounts[to];
            // Balanced: while something is due, something is owed, or a giver follows.
            for (uint256 due = taken; due != 0;) {
                for (; owed == 0; ++giver) {
                    (from, owed) = (positions[giver].party(), positions[giver].given());
                    if (owed != 0) _debitEarmarked(from, owed);
                }
                uint256 quantity = owed < due ? owed : due;
                // quantity is the lesser of the two.
                unchecked {
                    owed -= quantity;
                    due -= quantity;
                }
                emit Transfer(from, to, quantity);
            }
            // After the debits: no balance ever holds units twice.
            receiving.account = receiving.account.credit(taken);
        }
    }

    /// @inheritdoc ISecurityToken
    function earmarkedOf(address holder, address earmarker) external view returns (uint256) {
        if (earmarker == address(0)) revert NotEarmarker(earmarker);
        return _accounts[holder].account.earmarked(_laneOf(earmarker));
    }

    /// @inheritdoc ISecurityToken
    function earmarkers() external view returns (address[3] memory) {
        return [_lane0, _lane1, _lane2];
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC165).interfaceId || interfaceId == type(IERC7943Fungible).interfaceId
            || interfaceId == type(IERC1643).interfaceId
            // Of ERC-20, its metadata, ERC-2612 and ERC-5267: our interface files join what these number apart.
            || interfaceId == 0x36372b07 || interfaceId == 0xa219a025 || interfaceId == 0x9d8ff7da
            || interfaceId == 0x84b0196e;
    }

    /// @dev What was judged before: sets units aside in `lane`.
    function _earmark(uint256 lane, address holder, uint256 quantity) private {
        Holding storage holding = _accounts[holder];
        Account account = holding.account;
        uint256 free = account.unearmarked();
        if (!account.isPlain()) {
            if (account.has(Accounts.FROZEN)) revert ERC7943CannotSend(holder);
            free = _free(holder, account);
        }
        if (quantity > free) revert InsufficientFreeUnits(holder, free, quantity);
        holding.account = account.addEarmark(lane, quantity);
        emit Earmarked(holder, msg.sender, quantity);
    }

    /// @dev Takes units out of the caller's lane and the balance; the caller credits them.
    function _debitEarmarked(address holder, uint256 quantity) private {
        // A lane holds at most the balance, so the balance covers what just left the lane.
        Holding storage holding = _accounts[holder];
        holding.account = _unearmarked(holder, holding.account, quantity).debit(quantity);
    }

    /// @dev `holder`'s account with `quantity` taken out of the caller's lane; writes nothing.
    function _unearmarked(address holder, Account account, uint256 quantity) private view returns (Account) {
        uint256 lane = _laneOf(msg.sender);
        uint256 earmarked = account.earmarked(lane);
        if (quantity > earmarked) revert InsufficientEarmark(holder, msg.sender, earmarked, quantity);
        return account.removeEarmark(lane, quantity);
    }

    /// @dev `earmarker` is not zero, which stands for a lane that is not in use.
    function _laneOf(address earmarker) private view returns (uint256) {
        if (earmarker == _lane0) return Accounts.LANE_0;
        if (earmarker == _lane1) return Accounts.LANE_1;
        if (earmarker == _lane2) return Accounts.LANE_2;
        revert NotEarmarker(earmarker);
    }
}
