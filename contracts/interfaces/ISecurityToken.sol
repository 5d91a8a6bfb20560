// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "./IDualControl.sol";
import {IERC1643} from "./IERC1643.sol";
import {IERC20} from "./IERC20.sol";
import {IERC2612} from "./IERC2612.sol";
import {IERC7092Views} from "./IERC7092Views.sol";
import {IERC7943Fungible} from "./IERC7943Fungible.sol";
import {IParticipantRegistry} from "./IParticipantRegistry.sol";
import {Position} from "../libraries/Positions.sol";

/// @title One security, its holdings, and earmarks in place
/// @notice An earmark sets units aside for one purpose. The units stay the holder's and earn for the holder, but
/// cannot move otherwise. Each earmarking contract (DvP, collateral, gateway) has a lane of its own and can
/// release or deliver from that lane only.
/// @dev Rules are judged when units are earmarked. {releaseEarmark} and {settleEarmark} judge nothing, and nothing can
/// block them: no pause, freeze, rule or change of role. A receiver who is no longer eligible, or is frozen, gets
/// the units and cannot send them on: {transfer} asks the registry, so arrival writes no mark.
///
/// What always holds, per holder: earmarked ≤ owned, and free = max(0, owned - earmarked - frozen). Forced transfer,
/// recovery, redemption, buy-back and migration touch only units that no earmark holds.
///
/// Roles. The issuer issues, sets rules and documents, redeems; the officer freezes and pauses; the confirmer is the
/// second hand. What takes units from a holder without the holder's act needs two of them ({IDualControl}):
/// {forcedTransfer} (officer proposes), {redeem}, {tap} and {nameSuccessor} (issuer proposes), {assignRole} (any
/// two of the three); so does lifting a freeze or a pause (officer proposes), which one hand sets, because it has to be
/// quick. The confirmer makes the call, or for {assignRole} the second of the two. One stolen key alone moves no unit
/// that a holder owns, and frees none.
///
/// Assumed of an earmarker, which is fixed at deployment: it earmarks only what the holder agreed to. Not
/// assumed: that it does not reenter (state is final before it regains control), nor that it behaves towards the
/// other lanes (it cannot reach them).
interface ISecurityToken is IERC20, IERC2612, IERC7943Fungible, IERC1643, IERC7092Views, IDualControl {
    /// @notice Who may act on the security; each held by another address.
    enum Role {
        Issuer,
        Officer,
        Confirmer
    }

    /// @notice What kind of security it is.
    enum Kind {
        Bond,
        Share,
        FundUnit,
        Other
    }

    /// @notice How days between two coupons are counted. None: no interest.
    enum DayCount {
        None,
        ActualActual,
        Thirty360,
        Actual360,
        Actual365
    }

    /// @notice What the security is; for life.
    /// @param isin ISO 6166 identifier, 12 ASCII characters.
    /// @param kind see {Kind}.
    /// @param currency ISO 4217 code of nominal and income, 3 ASCII characters.
    /// @param decimals how many decimals of a unit are shown: 10**decimals base units make one.
    /// @param nominal minor units of the currency (cents) in one base unit; 0 for none.
    /// @param issueDate first day of interest (UTC midnight, seconds since 1970).
    /// @param maturityDate day of repayment; 0: never.
    /// @param couponRate parts of a million a year: 2.125 % is 21,250.
    /// @param couponFrequency coupons a year; 0: none, or all at maturity.
    /// @param dayCount see {DayCount}.
    struct Terms {
        bytes12 isin;
        Kind kind;
        bytes3 currency;
        uint8 decimals;
        uint64 nominal;
        uint40 issueDate;
        uint40 maturityDate;
        uint32 couponRate;
        uint8 couponFrequency;
        DayCount dayCount;
    }

    /// @notice How the security starts.
    /// @param registry who judges eligibility; for life.
    /// @param issuer see {Role}; so are officer and confirmer.
    /// @param earmarkers owners of lane 0 (DvP), 1 (collateral), 2 (gateway); zero for none; for life.
    /// @param authorised how many base units may be issued before a tap.
    /// @param jurisdictions bits of the jurisdictions that may hold, as the registry numbers them.
    /// @param investorClasses bits of the investor classes that may hold.
    /// @param predecessor the token whose holders may migrate into this one; zero: none.
    struct Setup {
        IParticipantRegistry registry;
        address issuer;
        address officer;
        address confirmer;
        address[3] earmarkers;
        uint64 authorised;
        uint192 jurisdictions;
        uint32 investorClasses;
        address predecessor;
    }

    /// @notice `quantity` units of `holder` are set aside by `earmarker`, which tells for whom.
    event Earmarked(address indexed holder, address earmarker, uint256 quantity);

    /// @notice `quantity` units of `holder` left `earmarker`'s lane and are free again. Delivered ones leave it with
    /// a {Transfer} alone.
    event EarmarkReleased(address indexed holder, address earmarker, uint256 quantity);

    /// @notice Who may hold changed.
    event RulesChanged(uint192 jurisdictions, uint32 investorClasses);

    /// @notice Transfers and new earmarks stopped, or go on again.
    event PauseChanged(bool paused);

    /// @notice The whole of `account` was frozen, or freed again.
    event AccountFrozen(address indexed account, bool frozen);

    /// @notice The units of the lost wallet `from` went to its `heir`, and later arrivals will.
    event Recovered(address indexed from, address indexed heir, uint256 quantity);

    /// @notice `quantity` units more may be issued, `authorised` in all.
    event Tapped(uint256 quantity, uint256 authorised);

    /// @notice `quantity` units of `holder` were repaid and no longer exist.
    event Redeemed(address indexed holder, uint256 quantity);

    /// @notice The issuer bought `quantity` units of `holder`; they no longer exist.
    event BoughtBack(address indexed holder, uint256 quantity);

    /// @notice Holders may migrate to `successor`.
    event SuccessorNamed(address indexed successor);

    /// @notice `holder` took `quantity` units to the successor.
    event Migrated(address indexed holder, address indexed successor, uint256 quantity);

    /// @notice The role went over.
    event RoleAssigned(Role indexed role, address indexed previous, address indexed current);

    /// @notice More units are to be earmarked than are free.
    error InsufficientFreeUnits(address holder, uint256 free, uint256 needed);

    /// @notice More units are to leave the lane than it holds.
    error InsufficientEarmark(address holder, address earmarker, uint256 earmarked, uint256 needed);

    /// @notice Net positions must add up to zero: these would create or destroy units.
    error UnbalancedNet(int256 sum);

    /// @notice `caller` has no lane in this security.
    error NotEarmarker(address caller);

    /// @notice The same contract was given two lanes.
    error DuplicateEarmarker(address earmarker);

    /// @notice `caller` does not hold the role.
    error WrongRole(address caller, Role role, address expected);

    /// @notice `caller` holds no role here.
    error NoRole(address caller);

    /// @notice No address may hold two roles.
    error DuplicateRole(address holder);

    /// @notice The issue would exceed what is authorised, or what an account can hold.
    error IssuanceLimitExceeded(uint256 issued, uint256 quantity, uint256 limit);

    /// @notice Registry and roles must be given.
    error ZeroAddress();

    /// @notice A security needs its ISIN, and one that matures does so after its issue.
    error InvalidTerms(bytes12 isin, uint40 issueDate, uint40 maturityDate);

    /// @notice The security is paused.
    error SecurityPaused(bytes12 isin);

    /// @notice Units are repaid from `maturityDate` on; 0: never.
    error NotMatured(uint256 time, uint40 maturityDate);

    /// @notice Each holder needs its quantity.
    error LengthMismatch(uint256 holders, uint256 quantities);

    /// @notice `wallet` has no successor in the registry.
    error NotSucceeded(address wallet);

    /// @notice All of `wallet` was carried to its heir before, and nothing has come since.
    error NothingToRecover(address wallet);

    /// @notice The security has its successor: nothing is issued here, and no other can be named.
    error SuccessorAlreadyNamed(address successor);

    /// @notice The security has no successor to migrate to.
    error NoSuccessor();

    /// @notice `successor` is not this security's: another ISIN, registry or predecessor, or no contract.
    error UnfitSuccessor(address successor);

    /// @notice Only the predecessor may bring holders over.
    error NotPredecessor(address caller, address expected);

    /// @notice Issues `quantity` base units to `to`.
    /// @dev Emits {Transfer} from zero. Requirements: the caller is the issuer; not paused; no successor; `to` is
    /// allowed now and not frozen; all units issued stay within what is authorised.
    function issue(address to, uint256 quantity) external;

    /// @notice Lets `quantity` base units more be issued.
    /// @dev Emits {Confirmed} and {Tapped}. Requirements: proposed by the issuer, called by the confirmer; no
    /// successor; all that is authorised stays ≤ 2^60 - 1.
    function tap(uint256 quantity) external;

    /// @notice Ends units that were repaid. Judges no rule: repayment ends a claim whoever holds it.
    /// @dev Emits {Confirmed} and, for each holder, {Redeemed}, {Transfer} to zero, before them {Frozen} if frozen
    /// units are among them. Requirements: proposed by the issuer, called by the confirmer; the maturity date has
    /// come; no earmark holds the units. What is authorised falls by as much: to issue again needs a tap.
    function redeem(address[] calldata holders, uint256[] calldata quantities) external;

    /// @notice Ends units that the issuer bought from a holder who approved it.
    /// @dev Emits {BoughtBack} and {Transfer} to zero. Requirements: the caller is the issuer; allowance and
    /// judgement of the holder as for {transferFrom}. What is authorised falls by as much.
    function buyBack(address from, uint256 quantity) external;

    /// @notice Sets who may hold: bits of jurisdictions and of investor classes. Judged on both sides of every later
    /// movement and lock; units earmarked already are not touched.
    /// @dev Emits {RulesChanged}. Requirements: the caller is the issuer.
    function setRules(uint192 jurisdictions, uint32 investorClasses) external;

    /// @notice Stops transfers, issues, buy-backs, migration and new earmarks, or lets them go on. Never stops
    /// {settleEarmark}, {releaseEarmark}, {forcedTransfer}, {recover} and {redeem}.
    /// @dev Emits {PauseChanged}. Requirements: to pause, the caller is the officer; to end a pause, the officer
    /// proposed this call and the caller is the confirmer ({Confirmed} before).
    function setPaused(bool paused) external;

    /// @notice Freezes or frees a whole account: it neither sends nor receives, nor earmarks anew. What is
    /// earmarked already is delivered; what others locked for it arrives, and stays.
    /// @dev Emits {AccountFrozen}. Requirements: to freeze, the caller is the officer; to free, the officer proposed
    /// this call and the caller is the confirmer ({Confirmed} before). So it is with {setFrozenTokens}, where a lower
    /// amount than is frozen now frees.
    function setAccountFrozen(address account, bool frozen) external;

    /// @notice Moves all units of a lost wallet that no earmark holds to its heir, frozen ones as frozen. From then
    /// on {settleEarmark} and {releaseEarmark} bring units of that wallet to its heir at once; what came before is
    /// fetched by the call. Anyone may call: registrar and confirmer of the registry have decided. A freeze of an
    /// amount or of the account is carried once, and ends on the lost wallet.
    /// @dev Emits {Frozen} of both wallets if an amount is frozen, {AccountFrozen} of both if the lost wallet was,
    /// {Transfer} and {Recovered}. Requirements: the registry has a successor of `wallet`; there is something to carry,
    /// or it is the first call.
    function recover(address wallet) external;

    /// @notice Hands a role over.
    /// @dev Emits {Confirmed} and {RoleAssigned}. Requirements: one of the three roles proposed this call, another
    /// makes it; `next` is not zero and holds no role.
    function assignRole(Role role, address next) external;

    /// @notice Names the token that takes this one's place: no more is issued here, and holders may {migrate}.
    /// Nothing moves by it. One way.
    /// @dev Emits {Confirmed} and {SuccessorNamed}. Requirements: proposed by the issuer, called by the confirmer;
    /// none named yet; `next` has the same ISIN and registry and calls this token its predecessor.
    function nameSuccessor(address next) external;

    /// @notice Takes the caller's free units to the successor.
    /// @dev Emits {Transfer} to zero and {Migrated}, here; {Transfer} from zero, there. Requirements: a successor is
    /// named; the caller could send the units now.
    function migrate(uint256 quantity) external;

    /// @notice Receives what a holder brings from the predecessor.
    /// @dev Emits {Transfer} from zero. Requirements: the caller is the predecessor.
    function acceptMigration(address holder, uint256 quantity) external;

    /// @notice Sets `quantity` free units of `holder` aside in the caller's lane.
    /// @dev Emits {Earmarked}. Requirements: the caller is an earmarker; not paused; `holder` and `beneficiary` are
    /// allowed now; `holder` is not frozen; `quantity` ≤ the holder's free units.
    function makeEarmark(address holder, address beneficiary, uint256 quantity) external;

    /// @notice Frees `quantity` units of `holder` from the caller's lane. Judges no rule.
    /// @dev Emits {EarmarkReleased}; if `holder` was recovered, {Transfer} to its heir. Requirements: the caller's
    /// lane holds `quantity` of `holder`.
    function releaseEarmark(address holder, uint256 quantity) external;

    /// @notice Moves `quantity` units of `holder` out of the caller's lane to `to`, or to the heir of `to` if that
    /// wallet was recovered. Judges no rule.
    /// @dev Emits {Transfer}. Requirements: the caller's lane holds `quantity` of `holder`;
    /// `to` is not zero.
    function settleEarmark(address holder, address to, uint256 quantity) external;

    /// @notice Sets aside, in the caller's lane, what each giver of a net settlement delivers.
    /// @dev Emits {Earmarked} for each giver. Requirements: the caller is an earmarker; not paused; the positions add up
    /// to zero; every party is allowed now, givers, takers and those whose net is zero; no giver is frozen; each
    /// giver's units are free.
    function earmarkNet(Position[] calldata positions) external;

    /// @notice Delivers what {earmarkNet} set aside: the first giver's units to the first taker, and so on, so that
    /// no unit passes through a third holder. Units arrive as by {settleEarmark}. Judges no rule.
    /// @dev Emits {Transfer} for each giver and taker that meet. Requirements: the positions add up to zero; the caller's
    /// lane holds what each giver gives; no taker is zero.
    function settleNet(Position[] calldata positions) external;

    /// @notice Passes if a transfer from `from` to `to` would, and else ends in the very error that it would.
    function requireTransferable(address from, address to, uint256 quantity) external view;

    /// @notice Why a transfer would be refused: the encoded error that it would end in; empty: it would pass.
    function whyNot(address from, address to, uint256 quantity) external view returns (bytes memory refusal);

    /// @notice Units of `holder` that can move: balance less all earmarks and what is frozen, never below 0.
    function freeOf(address holder) external view returns (uint256);

    /// @notice Units of `holder` that `earmarker` has set aside.
    function earmarkedOf(address holder, address earmarker) external view returns (uint256);

    /// @notice Units of `holder` set aside by anyone.
    function earmarkedTotalOf(address holder) external view returns (uint256);

    /// @notice Whether the whole of `account` is frozen.
    function isAccountFrozen(address account) external view returns (bool);

    /// @notice The contracts that own lane 0 (DvP), 1 (collateral) and 2 (gateway); zero: lane not in use.
    function earmarkers() external view returns (address[3] memory);

    /// @notice What the security is.
    function terms() external view returns (Terms memory);

    /// @notice Who may hold, as the registry numbers jurisdictions, and whether the security is paused.
    function rules() external view returns (uint192 jurisdictions, uint32 investorClasses, bool paused);

    /// @notice How many units may exist before another tap.
    function authorised() external view returns (uint256);

    /// @notice Who judges eligibility.
    function registry() external view returns (IParticipantRegistry);

    /// @notice Who holds `role`.
    function holderOf(Role role) external view returns (address);

    /// @notice Who may issue: the holder of {Role}.Issuer.
    function issuer() external view returns (address);

    /// @notice The token whose holders may migrate into this one; zero: none.
    function predecessor() external view returns (address);

    /// @notice The token that takes this one's place; zero: none.
    function successor() external view returns (address);
}
