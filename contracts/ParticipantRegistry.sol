// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {Deadline} from "./libraries/Deadline.sol";

/// @title Who may hold and act
contract ParticipantRegistry is IParticipantRegistry {
    using Deadline for uint40;

    /// @inheritdoc IParticipantRegistry
    address public registrar;

    /// @inheritdoc IParticipantRegistry
    address public proposedRegistrar;

    /// @dev One slot a wallet, from the low end:
    ///
    ///   0          160      168            184             192       232    256
    ///   | lei 20 B | status | jurisdiction | investorClass | expires | free |
    mapping(address wallet => Participant) private _participants;

    modifier onlyRegistrar() {
        if (msg.sender != registrar) revert NotRegistrar(msg.sender, registrar);
        _;
    }

    /// @param firstRegistrar who may register wallets.
    constructor(address firstRegistrar) {
        if (firstRegistrar == address(0)) revert ZeroAddress();
        registrar = firstRegistrar;
        emit RegistrarChanged(address(0), firstRegistrar);
    }

    /// @inheritdoc IParticipantRegistry
    function register(address wallet, bytes20 lei, bytes2 jurisdiction, uint8 investorClass, uint40 expires)
        external
        onlyRegistrar
    {
        if (wallet == address(0)) revert ZeroAddress();
        if (lei == bytes20(0)) revert EmptyLei(wallet);
        Participant storage participant = _participants[wallet];
        if (participant.status != Status.None) revert AlreadyRegistered(wallet, participant.lei);
        _participants[wallet] = Participant(lei, Status.Active, jurisdiction, investorClass, expires);
        emit Registered(wallet, lei, jurisdiction, investorClass, expires);
    }

    /// @inheritdoc IParticipantRegistry
    function amend(address wallet, bytes2 jurisdiction, uint8 investorClass, uint40 expires) external onlyRegistrar {
        Participant memory participant = _participants[wallet];
        if (participant.status == Status.None) revert NotRegistered(wallet);
        if (participant.status == Status.Closed) {
            revert StatusNotReachable(wallet, Status.Closed, Status.Active);
        }
        _participants[wallet] =
            Participant(participant.lei, participant.status, jurisdiction, investorClass, expires);
        emit Amended(wallet, participant.lei, jurisdiction, investorClass, expires);
    }

    /// @inheritdoc IParticipantRegistry
    function setStatus(address wallet, Status status) external onlyRegistrar {
        Participant storage participant = _participants[wallet];
        Status previous = participant.status;
        if (previous == Status.None) revert NotRegistered(wallet);
        if (status == Status.None || (previous == Status.Closed && status != Status.Closed)) {
            revert StatusNotReachable(wallet, previous, status);
        }
        participant.status = status;
        emit StatusChanged(wallet, participant.lei, previous, status);
    }

    /// @inheritdoc IParticipantRegistry
    function proposeRegistrar(address successor) external onlyRegistrar {
        // Zero is meant: it withdraws the proposal.
        // slither-disable-next-line missing-zero-check
        proposedRegistrar = successor;
        emit RegistrarProposed(msg.sender, successor);
    }

    /// @inheritdoc IParticipantRegistry
    function acceptRegistrar() external {
        if (msg.sender != proposedRegistrar) revert NotRegistrar(msg.sender, proposedRegistrar);
        address previous = registrar;
        registrar = msg.sender;
        proposedRegistrar = address(0);
        emit RegistrarChanged(previous, msg.sender);
    }

    /// @inheritdoc IParticipantRegistry
    function participantOf(address wallet) external view returns (Participant memory) {
        return _participants[wallet];
    }

    /// @inheritdoc IParticipantRegistry
    function isEligible(address wallet) external view returns (bool) {
        return _mayAct(_participants[wallet]);
    }

    /// @inheritdoc IParticipantRegistry
    function requireEligible(address first, address second) external view {
        _requireEligible(first);
        _requireEligible(second);
    }

    function _requireEligible(address wallet) private view {
        Participant memory participant = _participants[wallet];
        if (!_mayAct(participant)) {
            revert NotEligible(wallet, participant.status, block.timestamp, participant.expires);
        }
    }

    function _mayAct(Participant memory participant) private view returns (bool) {
        return participant.status == Status.Active && !participant.expires.hasPassed();
    }
}
