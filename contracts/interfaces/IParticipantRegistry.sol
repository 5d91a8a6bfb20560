// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who may hold and act
/// @notice Maps a wallet to the legal entity behind it and says whether that entity may act now.
/// Judged live: tokens ask on every movement and keep no copy.
/// @dev Assumed of the registrar: it checks an LEI and its owner before it registers a wallet. If it errs, an
/// entity may receive units that it should not hold; it can never move, take or block units earmarked for a
/// settlement, because settling and giving back do not ask the registry.
interface IParticipantRegistry {
    /// @notice Where a wallet stands.
    /// @dev None: never registered. Active: may act until `expires`. Suspended: may not act, may become active
    /// again. Closed: may not act, for good.
    enum Status {
        None,
        Active,
        Suspended,
        Closed
    }

    /// @notice All that is known of a wallet; one storage slot.
    /// @param lei ISO 17442 identifier of the entity, 20 ASCII characters.
    /// @param status where the wallet stands.
    /// @param jurisdiction ISO 3166-1 alpha-2 country, 2 ASCII characters.
    /// @param investorClass the registrar's own class, e.g. 1 professional, 2 retail.
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

    /// @notice `wallet` may not act now: its status is not Active, or `time` lies after `expires`.
    error NotEligible(address wallet, Status status, uint256 time, uint40 expires);

    /// @notice `caller` is not the one who may do this.
    error NotRegistrar(address caller, address expected);

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
    /// Requirements: the caller is the registrar; `wallet` is not zero and new; `lei` is not empty.
    function register(address wallet, bytes20 lei, bytes2 jurisdiction, uint8 investorClass, uint40 expires)
        external;

    /// @notice Renews a registration or corrects its attributes. LEI and status stay.
    /// @dev Emits {Amended}. Requirements: the caller is the registrar; `wallet` is registered and not Closed.
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

    /// @notice Who may register, amend and change status.
    function registrar() external view returns (address);

    /// @notice Who may accept the registrar's role; zero: nobody.
    function proposedRegistrar() external view returns (address);

    /// @notice All that is known of `wallet`; zeros if it was never registered.
    function participantOf(address wallet) external view returns (Participant memory);

    /// @notice Whether `wallet` may act now.
    function isEligible(address wallet) external view returns (bool);

    /// @notice Judges both sides of a movement in one call.
    /// @dev Reverts with {NotEligible}, naming the first of the two that may not act.
    function requireEligible(address first, address second) external view;
}
