// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Position} from "../libraries/Positions.sol";
import {Rules} from "../libraries/Rules.sol";
import {IDualControl} from "./IDualControl.sol";

/// @title Who may hold and act
/// @notice Maps a wallet to the legal entity behind it and says whether that entity may act now.
/// Judged live: tokens ask on every movement and keep no copy.
/// @dev Assumed of the registrar: it checks an LEI and its owner before it registers a wallet. If it errs, an
/// entity may receive units that it should not hold; it can never move, take or block units earmarked for a
/// settlement, because settling and giving back do not ask the registry.
///
/// A wallet that is lost is succeeded, once and for good, by another of the same LEI: the registrar proposes, the
/// confirmer confirms. The old wallet is closed; tokens move its units to the heir, see {ISecurityToken-recover}.
interface IParticipantRegistry is IDualControl {
    /// @notice Where a wallet stands.
    /// @dev None: never registered. Active: may act until `expires`. Suspended: may not act, may become active
    /// again. Closed: may not act, for good.
    enum Status {
        None,
        Active,
        Suspended,
        Closed
    }

    /// @notice All that is known of a wallet.
    /// @param lei ISO 17442 identifier of the entity, 20 ASCII characters.
    /// @param status where the wallet stands.
    /// @param jurisdiction ISO 3166-1 alpha-2 country, 2 ASCII characters.
    /// @param investorClass the registrar's own class, 0 to 31, e.g. 1 professional, 2 retail.
    /// @param expires last second, inclusive, at which the registration counts (UTC, seconds since 1970).
    struct Participant {
        bytes20 lei;
        Status status;
        bytes2 jurisdiction;
        uint8 investorClass;
        uint40 expires;
    }

    /// @notice A wallet was registered.
    event Registered(
        address indexed wallet, bytes20 indexed lei, bytes2 jurisdiction, uint8 investorClass, uint40 expires
    );

    /// @notice A registration was renewed or its attributes were corrected.
    event Amended(
        address indexed wallet, bytes20 indexed lei, bytes2 jurisdiction, uint8 investorClass, uint40 expires
    );

    /// @notice A wallet's status changed.
    event StatusChanged(address indexed wallet, bytes20 indexed lei, Status previous, Status current);

    /// @notice The registrar named a successor, who still has to accept.
    event RegistrarProposed(address indexed registrar, address indexed successor);

    /// @notice The successor accepted.
    event RegistrarChanged(address indexed previous, address indexed current);

    /// @notice From now on `number` stands for `jurisdiction` in securities' rules.
    event JurisdictionNumbered(bytes2 indexed jurisdiction, uint8 number);

    /// @notice `successor` took the place of `wallet`, of the same entity.
    event Succeeded(address indexed wallet, address indexed successor, bytes20 indexed lei);

    /// @notice The confirmer's role went over.
    event ConfirmerChanged(address indexed previous, address indexed current);

    /// @notice `wallet` may not act now: its status is not Active, or `time` lies after `expires`.
    error NotEligible(address wallet, Status status, uint256 time, uint40 expires);

    /// @notice `caller` is not the one who may do this.
    error NotRegistrar(address caller, address expected);

    /// @notice `caller` is not the one who confirms.
    error NotConfirmer(address caller, address expected);

    /// @notice The security's rules leave out `wallet`'s jurisdiction.
    error JurisdictionNotAllowed(address wallet, bytes2 jurisdiction);

    /// @notice The security's rules leave out `wallet`'s investor class.
    error InvestorClassNotAllowed(address wallet, uint8 investorClass);

    /// @notice Investor classes are 0 to `limit`.
    error InvestorClassOutOfRange(address wallet, uint8 actual, uint8 limit);

    /// @notice No participant ever had this jurisdiction, nor was it numbered.
    error UnknownJurisdiction(bytes2 jurisdiction);

    /// @notice The registry has given all its `limit` numbers away.
    error TooManyJurisdictions(bytes2 jurisdiction, uint256 limit);

    /// @notice `wallet` has its successor, for good.
    error AlreadySucceeded(address wallet, address successor);

    /// @notice Only another wallet of the same entity can succeed.
    error DifferentEntity(address wallet, bytes20 lei, address successor, bytes20 successorLei);

    /// @notice `wallet` is registered already; a wallet keeps its entity for life.
    error AlreadyRegistered(address wallet, bytes20 lei);

    /// @notice `wallet` was never registered.
    error NotRegistered(address wallet);

    /// @notice Neither back to None, nor out of Closed.
    error StatusNotReachable(address wallet, Status actual, Status requested);

    /// @notice The zero address is no wallet and no registrar.
    error ZeroAddress();

    /// @notice A registration needs an LEI.
    error EmptyLei(address wallet);

    /// @notice Registers `wallet` as Active.
    /// @dev Emits {Registered}.
    /// Requirements: the caller is the registrar; `wallet` is not zero and new; `lei` is not empty;
    /// `investorClass` < 32.
    function register(address wallet, bytes20 lei, bytes2 jurisdiction, uint8 investorClass, uint40 expires)
        external;

    /// @notice Renews a registration or corrects its attributes. LEI and status stay.
    /// @dev Emits {Amended}. Requirements: the caller is the registrar; `wallet` is registered and not Closed;
    /// `investorClass` < 32.
    function amend(address wallet, bytes2 jurisdiction, uint8 investorClass, uint40 expires) external;

    /// @notice Moves `wallet` to another status.
    /// @dev Emits {StatusChanged}. Requirements: the caller is the registrar; `wallet` is registered; `status` is
    /// not None; a Closed wallet stays Closed.
    function setStatus(address wallet, Status status) external;

    /// @notice Names the next registrar; nothing changes until that address accepts.
    /// @dev Emits {RegistrarProposed}. Zero withdraws the proposal. Requirements: the caller is the registrar.
    function proposeRegistrar(address successor) external;

    /// @notice Takes the role over.
    /// @dev Emits {RegistrarChanged}. Requirements: the caller is the proposed successor.
    function acceptRegistrar() external;

    /// @notice Gives `jurisdiction` a number before its first participant comes, so that rules can name it.
    /// @dev Emits {JurisdictionNumbered}, unless it has one. Requirements: the caller is the registrar; at most 192.
    function addJurisdiction(bytes2 jurisdiction) external returns (uint8 number);

    /// @notice Sets the heir of a lost wallet. One way: an heir is never taken back, nor replaced; it may itself
    /// be succeeded. Closes `wallet`.
    /// @dev Emits {Confirmed}, {Succeeded} and {StatusChanged}. Requirements: the registrar proposed this call, the
    /// caller is the confirmer; both wallets are registered for the same LEI and differ; `wallet` has no successor
    /// and `successor` may act now, hence has none either.
    function succeed(address wallet, address successor) external;

    /// @notice Hands the confirmer's role over.
    /// @dev Emits {Confirmed} and {ConfirmerChanged}. Requirements: registrar or confirmer proposed this call, the
    /// other of the two makes it; `next` is not zero and not the registrar.
    function changeConfirmer(address next) external;

    /// @notice Who confirms what the registrar proposes.
    function confirmer() external view returns (address);

    /// @notice The wallet that took the place of `wallet`; zero: none.
    function successorOf(address wallet) external view returns (address);

    /// @notice The last in the line of successors of `wallet`; `wallet` itself if it has none.
    function heirOf(address wallet) external view returns (address);

    /// @notice The bits that stand for `jurisdictions` in a security's rules.
    /// @dev Reverts with {UnknownJurisdiction}.
    function jurisdictionBits(bytes2[] calldata jurisdictions) external view returns (uint192);

    /// @notice Whether `wallet` may act now and `rules` allow it to hold.
    function isAllowed(address wallet, Rules rules) external view returns (bool);

    /// @notice Judges both sides of a movement by a security's rules, in one call.
    /// @dev Reverts with {NotEligible}, {JurisdictionNotAllowed} or {InvestorClassNotAllowed}, naming the first of
    /// the two that is refused.
    /// @return always true: an answer spares the caller a look at whether there is code here.
    function judgePair(address first, address second, Rules rules) external view returns (bool);

    /// @notice {judgePair} for all parties of a cycle's net positions in a security; names the first that is refused.
    function judgePositions(Position[] calldata positions, Rules rules) external view returns (bool);

    /// @notice Who may register, amend and change status.
    function registrar() external view returns (address);

    /// @notice Who may accept the registrar's role; zero: nobody.
    function proposedRegistrar() external view returns (address);

    /// @notice All that is known of `wallet`; zeros if it was never registered.
    function participantOf(address wallet) external view returns (Participant memory);

    /// @notice Whether `wallet` may act now.
    function isEligible(address wallet) external view returns (bool);

    /// @notice Judges two wallets without a security's rules.
    /// @dev Reverts with {NotEligible}, naming the first of the two that may not act.
    function requireEligible(address first, address second) external view;
}
