// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDualControl} from "./interfaces/IDualControl.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {DualControl} from "./libraries/DualControl.sol";
import {Position} from "./libraries/Positions.sol";
import {Record, Records} from "./libraries/Records.sol";
import {RuleBits, Rules} from "./libraries/Rules.sol";

/// @title Who may hold and act
contract ParticipantRegistry is IParticipantRegistry {
    using DualControl for DualControl.Book;

    /// @inheritdoc IParticipantRegistry
    address public registrar;

    /// @inheritdoc IParticipantRegistry
    address public proposedRegistrar;

    /// @inheritdoc IParticipantRegistry
    address public confirmer;

    /// @dev One slot a wallet; drawn in libraries/Records.sol.
    mapping(address wallet => Record) private _records;

    /// @inheritdoc IParticipantRegistry
    mapping(address wallet => address) public successorOf;

    /// @dev The code of each numbered jurisdiction. Only ever grows: a number keeps its meaning.
    bytes2[] private _jurisdictions;

    /// @dev A code's number + 1; 0: not numbered.
    mapping(bytes2 jurisdiction => uint256) private _numberPlusOne;

    DualControl.Book private _proposals;

    modifier onlyRegistrar() {
        if (msg.sender != registrar) revert NotRegistrar(msg.sender, registrar);
        _;
    }

    /// @param firstRegistrar who may register wallets.
    /// @param firstConfirmer who confirms what needs two hands.
    constructor(address firstRegistrar, address firstConfirmer) {
        if (firstRegistrar == address(0) || firstConfirmer == address(0)) revert ZeroAddress();
        if (firstRegistrar == firstConfirmer) revert SameHands(firstRegistrar);
        registrar = firstRegistrar;
        confirmer = firstConfirmer;
        emit RegistrarChanged(address(0), firstRegistrar);
        emit ConfirmerChanged(address(0), firstConfirmer);
    }

    /// @inheritdoc IParticipantRegistry
    function register(address wallet, bytes20 lei, bytes2 jurisdiction, uint8 investorClass, uint40 expires)
        external
        onlyRegistrar
    {
        if (wallet == address(0)) revert ZeroAddress();
        if (lei == bytes20(0)) revert EmptyLei(wallet);
        Record record = _records[wallet];
        if (record.status() != Status.None) revert AlreadyRegistered(wallet, record.lei());
        _write(wallet, lei, Status.Active, jurisdiction, investorClass, expires);
        emit Registered(wallet, lei, jurisdiction, investorClass, expires);
    }

    /// @inheritdoc IParticipantRegistry
    function amend(address wallet, bytes2 jurisdiction, uint8 investorClass, uint40 expires) external onlyRegistrar {
        Record record = _known(wallet);
        Status status = record.status();
        if (status == Status.Closed) revert StatusNotReachable(wallet, Status.Closed, Status.Active);
        _write(wallet, record.lei(), status, jurisdiction, investorClass, expires);
        emit Amended(wallet, record.lei(), jurisdiction, investorClass, expires);
    }

    /// @inheritdoc IParticipantRegistry
    function setStatus(address wallet, Status status) external onlyRegistrar {
        Record record = _known(wallet);
        Status previous = record.status();
        if (status == Status.None || (previous == Status.Closed && status != Status.Closed)) {
            revert StatusNotReachable(wallet, previous, status);
        }
        _setStatus(wallet, record, status);
    }

    /// @inheritdoc IParticipantRegistry
    function addJurisdiction(bytes2 jurisdiction) external onlyRegistrar returns (uint8 number) {
        return _numberOf(jurisdiction);
    }

    /// @inheritdoc IParticipantRegistry
    function proposeRegistrar(address successor) external onlyRegistrar {
        if (successor == confirmer) revert SameHands(successor);
        // Zero is meant: it withdraws the proposal.
        proposedRegistrar = successor;
        emit RegistrarProposed(msg.sender, successor);
    }

    /// @inheritdoc IParticipantRegistry
    function acceptRegistrar() external {
        if (msg.sender != proposedRegistrar) revert NotRegistrar(msg.sender, proposedRegistrar);
        if (msg.sender == confirmer) revert SameHands(msg.sender);
        address previous = registrar;
        registrar = msg.sender;
        proposedRegistrar = address(0);
        emit RegistrarChanged(previous, msg.sender);
    }

    /// @inheritdoc IDualControl
    function propose(bytes calldata action) external returns (bytes32 id) {
        if (msg.sender != registrar && msg.sender != confirmer) revert NotRegistrar(msg.sender, registrar);
        return _proposals.propose(action);
    }

    /// @inheritdoc IDualControl
    function withdraw(bytes32 id) external {
        _proposals.withdraw(id);
    }

    /// @inheritdoc IParticipantRegistry
    function succeed(address wallet, address successor) external {
        if (msg.sender != confirmer) revert NotConfirmer(msg.sender, confirmer);
        _proposals.confirm(registrar);
        Record record = _known(wallet);
        address earlier = successorOf[wallet];
        if (earlier != address(0)) revert AlreadySucceeded(wallet, earlier);
        // Closed once succeeded, so that no wallet that may act has a successor: lines cannot close to a ring.
        Record next = _records[successor];
        if (record.lei() != next.lei() || wallet == successor) {
            revert DifferentEntity(wallet, record.lei(), successor, next.lei());
        }
        _requireEligible(successor);

        successorOf[wallet] = successor;
        emit Succeeded(wallet, successor, record.lei());
        _setStatus(wallet, record, Status.Closed);
    }

    /// @inheritdoc IParticipantRegistry
    function changeConfirmer(address next) external {
        address previous = confirmer;
        address chief = registrar;
        if (msg.sender != previous && msg.sender != chief) revert NotConfirmer(msg.sender, previous);
        _proposals.confirm(msg.sender == chief ? previous : chief);
        if (next == address(0)) revert ZeroAddress();
        if (next == chief) revert SameHands(next);
        confirmer = next;
        emit ConfirmerChanged(previous, next);
    }

    /// @inheritdoc IDualControl
    function proposalOf(address proposer, bytes32 id) external view returns (uint40 expires) {
        return _proposals.expiries[proposer][id];
    }

    /// @inheritdoc IParticipantRegistry
    function participantOf(address wallet) external view returns (Participant memory) {
        Record record = _records[wallet];
        if (record.status() == Status.None) return Participant(bytes20(0), Status.None, bytes2(0), 0, 0);
        return Participant(
            record.lei(),
            record.status(),
            _jurisdictions[record.jurisdiction()],
            record.investorClass(),
            record.expires()
        );
    }

    /// @inheritdoc IParticipantRegistry
    function heirOf(address wallet) external view returns (address heir) {
        heir = wallet;
        // A line is as long as a registrar and a confirmer made it, one agreed call a step, and has no ring.
        for (address next = successorOf[wallet]; next != address(0); next = successorOf[next]) {
            heir = next;
        }
    }

    /// @inheritdoc IParticipantRegistry
    function jurisdictionBits(bytes2[] calldata jurisdictions) external view returns (uint192 bits) {
        for (uint256 i = 0; i < jurisdictions.length; ++i) {
            uint256 plusOne = _numberPlusOne[jurisdictions[i]];
            if (plusOne == 0) revert UnknownJurisdiction(jurisdictions[i]);
            bits |= uint192(1 << (plusOne - 1));
        }
    }

    /// @inheritdoc IParticipantRegistry
    function isEligible(address wallet) external view returns (bool) {
        return _records[wallet].mayAct();
    }

    /// @inheritdoc IParticipantRegistry
    function isAllowed(address wallet, Rules rules) external view returns (bool) {
        return _records[wallet].mayHold(rules);
    }

    /// @inheritdoc IParticipantRegistry
    function requireEligible(address first, address second) external view {
        _requireEligible(first);
        _requireEligible(second);
    }

    /// @inheritdoc IParticipantRegistry
    function judgePair(address first, address second, Rules rules) external view returns (bool) {
        if (!_records[first].mayHold(rules)) _refuse(first, rules);
        if (!_records[second].mayHold(rules)) _refuse(second, rules);
        return true;
    }

    /// @inheritdoc IParticipantRegistry
    function judgePositions(Position[] calldata positions, Rules rules) external view returns (bool) {
        for (uint256 i = 0; i < positions.length; ++i) {
            address wallet = positions[i].party();
            if (!_records[wallet].mayHold(rules)) _refuse(wallet, rules);
        }
        return true;
    }

    function _write(
        address wallet,
        bytes20 lei,
        Status status,
        bytes2 jurisdiction,
        uint8 investorClass,
        uint40 expires
    ) private {
        if (investorClass >= RuleBits.CLASSES) {
            revert InvestorClassOutOfRange(wallet, investorClass, uint8(RuleBits.CLASSES - 1));
        }
        _records[wallet] = Records.from(lei, status, _numberOf(jurisdiction), investorClass, expires);
    }

    function _setStatus(address wallet, Record record, Status status) private {
        _records[wallet] = record.withStatus(status);
        emit StatusChanged(wallet, record.lei(), record.status(), status);
    }

    /// @dev The number of `jurisdiction`, a new one if it has none yet.
    function _numberOf(bytes2 jurisdiction) private returns (uint8 number) {
        uint256 plusOne = _numberPlusOne[jurisdiction];
        if (plusOne != 0) return uint8(plusOne - 1);
        uint256 count = _jurisdictions.length;
        if (count == RuleBits.JURISDICTIONS) revert TooManyJurisdictions(jurisdiction, count);
        _jurisdictions.push(jurisdiction);
        _numberPlusOne[jurisdiction] = count + 1;
        number = uint8(count);
        emit JurisdictionNumbered(jurisdiction, number);
    }

    function _known(address wallet) private view returns (Record record) {
        record = _records[wallet];
        if (record.status() == Status.None) revert NotRegistered(wallet);
    }

    function _requireEligible(address wallet) private view {
        _requireMayAct(wallet, _records[wallet]);
    }

    /// @dev Ends in the first rule that keeps `wallet`, of which one does, from holding.
    function _refuse(address wallet, Rules rules) private view {
        Record record = _records[wallet];
        _requireMayAct(wallet, record);
        if (!rules.allowsJurisdiction(record.jurisdiction())) {
            revert JurisdictionNotAllowed(wallet, _jurisdictions[record.jurisdiction()]);
        }
        revert InvestorClassNotAllowed(wallet, record.investorClass());
    }

    function _requireMayAct(address wallet, Record record) private view {
        if (!record.mayAct()) revert NotEligible(wallet, record.status(), block.timestamp, record.expires());
    }
}
