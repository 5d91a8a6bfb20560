"""An installation on disk: one folder that all of its processes read.

```
market.toml      the market as founded          network.json   addresses, wallets, URLs; nothing secret
manifest.json    what was deployed, to compare a chain with
keys/            encrypted keystores, password, RTGS access keys (owner-readable only)
service.db       the service's records, unless network.json names a PostgreSQL database for them
agents/N.db      each agent's sign-once register
rtgs.db          the RTGS's ledger: its own process opens it and nobody else
attestations/    the agents' signatures         outbox/<BIC>/  messages to participants
```

One folder for all is for rehearsals. Elsewhere each process gets a folder with its own keys alone,
and the RTGS is another organisation's.
"""

import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from lockstep.app.clocks import OffsetClock
from lockstep.app.keyholders import AGENTS, Roles, agent_bic
from lockstep.app.market_file import MarketFile, read_market
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import Bic
from lockstep.domain.instruction import QuantityType
from lockstep.domain.market import Market, Network, Participant, Security
from lockstep.signing import Key, keystore_address, read_keystore, write_keystore

if TYPE_CHECKING:
    from lockstep.store import Database

__all__ = ["EMBEDDED", "Home", "RtgsCertificates", "Settings", "checked_database", "checked_rpcs"]

EMBEDDED = "embedded"
"""In place of URLs, where chain and RTGS live inside the one process of `lockstep up`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the processes reach each other, and what time it is for them."""

    rpc: str
    rtgs_url: str
    """How service and agents reach the RTGS: http(s)://HOST:PORT, or file:///FOLDER, a directory drop."""
    clock_offset_seconds: int = 0
    rtgs_operator_url: str | None = None
    """Where the RTGS serves HTTP to its operator, if that is not `rtgs_url`."""
    more_rpcs: tuple[str, ...] = ()
    """Further nodes of the same chain."""
    database: str | None = None
    """Where the service's records are, by URL without a password; `service.db` of the folder if None."""

    @property
    def rpcs(self) -> tuple[str, ...]:
        """Every node, the first choice first."""
        return self.rpc, *self.more_rpcs

    @property
    def rtgs_http_url(self) -> str:
        """Where the simulated RTGS listens, and its operator finds it. Raises Misconfigured."""
        url = self.rtgs_operator_url or self.rtgs_url
        if urlsplit(url).scheme not in ("http", "https"):
            field = "rtgs_url" if self.rtgs_operator_url is None else "rtgs_operator_url"
            rule = "http or https; beside a directory drop set rtgs_operator_url"
            raise Misconfigured(f"network.json, {field}: {url!r} breaks the rule: {rule}")
        return url

    @property
    def rtgs_drop(self) -> Path | None:
        """The directory drop's root, if the RTGS is reached by one. Raises Misconfigured."""
        parts = urlsplit(self.rtgs_url)
        if parts.scheme != "file":
            return None
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise Misconfigured(f"network.json, rtgs_url: {self.rtgs_url!r} breaks the rule: file:///FOLDER, absolute")
        return Path(unquote(parts.path))


@dataclass(frozen=True, slots=True, kw_only=True)
class RtgsCertificates:
    """PEM files of a party: what it shows to the RTGS, and whose word it takes for the RTGS."""

    certificate: Path
    key: Path
    authority: Path


PASSWORD_VARIABLE = "LOCKSTEP_DATABASE_PASSWORD"
"""The database's password; else the file keys/database.password, if there is one."""

CERTIFICATE_VARIABLES = {
    "certificate": "LOCKSTEP_RTGS_CERTIFICATE",
    "key": "LOCKSTEP_RTGS_CERTIFICATE_KEY",
    "authority": "LOCKSTEP_RTGS_AUTHORITY",
}


class Home:
    """The folder `root`. Reading raises Misconfigured where something is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root = root.absolute()
        self.rtgs_database = f"sqlite:///{root / 'rtgs.db'}"
        self.attestations, self.outbox, self._keys = root / "attestations", root / "outbox", root / "keys"
        self._network, self._manifest = root / "network.json", root / "manifest.json"

    @property
    def is_founded(self) -> bool:
        return self._network.exists()

    def register(self, agent: int) -> Path:
        return self.root / "agents" / f"{agent}.db"

    def agent_chain(self, agent: int) -> Path:
        """Where an agent keeps what it has read of the chain. It may be deleted: it is read again."""
        return self.root / "agents" / f"{agent}-chain.db"

    # --- the service's records

    @property
    def service_database(self) -> str:
        """The URL of the service's records, without a password: it may be shown."""
        named = self.settings().database if self.is_founded else None
        return named or f"sqlite:///{self.root / 'service.db'}"

    def open_database(self) -> "Database":
        """The service's records, opened: the one way to them. Raises Misconfigured."""
        from lockstep.store import open_database

        url = self.service_database
        password = None if url.startswith("sqlite:") else self._database_password()
        return open_database(url if password is None else _with_password(url, password))

    def _database_password(self) -> str | None:
        """None where the server asks for none, or the driver finds it by itself (PGPASSWORD, ~/.pgpass)."""
        given, path = os.environ.get(PASSWORD_VARIABLE), self._keys / "database.password"
        if given or not path.exists():
            return given or None
        if path.stat().st_mode & 0o077:
            raise Misconfigured(f"{path}: mode {path.stat().st_mode & 0o777:o} breaks the rule: for its owner alone")
        return self._read(path).strip()

    # --- keys

    def make_keys(self, market: MarketFile) -> Roles:
        """Keystores for every role, under a new password, and RTGS access keys for every party.

        The folder appears whole: keys that were made before are kept.
        """
        if not self._keys.exists():
            beside = self.root / ".keys.part"
            shutil.rmtree(beside, ignore_errors=True)
            self._fill(beside, market)
            os.replace(beside, self._keys)
        return self.roles(market)

    def _fill(self, folder: Path, market: MarketFile) -> None:
        password = secrets.token_urlsafe(24)
        self._secret(folder / "password", password)
        self._secret(folder / "salt.key", secrets.token_hex(32))
        roles = ["deployer", "registrar", "registrar-confirmer", "issuer", "operator", "officer", "confirmer"]
        roles += [f"agent-{number}" for number in range(1, AGENTS + 1)]
        for name in [*roles, *(f"wallet-{member.bic}" for member in market.members)]:
            write_keystore(folder / f"{name}.json", Key(secrets.token_bytes(32)), password)
        agents = [agent_bic(market.service, number) for number in range(1, AGENTS + 1)]
        for party in [market.service, *agents, *(member.bic for member in market.members), "operator"]:
            self._secret(folder / f"rtgs-{party}.key", secrets.token_urlsafe(32))

    @staticmethod
    def _secret(path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def key(self, name: str) -> Key:
        """One role's key: deployer, registrar, registrar-confirmer, issuer, operator, operator-N, officer, confirmer,
        agent-N or wallet-BIC."""
        return read_keystore(self._keystore(name), self._password())

    def new_key(self, name: str) -> Key:
        """A new key in a keystore of this name, for who takes a role over. An existing one is never replaced."""
        path = self._keystore(name)
        if path.exists():
            raise InvalidInput("keystore", name, f"a name that is not taken yet in {self._keys}")
        key = Key(secrets.token_bytes(32))
        write_keystore(path, key, self._password())
        return key

    def agent_keys(self, number: int) -> tuple[Key, ...]:
        """An agent's keys: agent-N, and agent-N-… of other epochs."""
        names = sorted(path.stem for path in self._keys.glob(f"agent-{number}-*.json"))
        return tuple(self.key(name) for name in (f"agent-{number}", *names))

    def operators(self) -> dict[str, str]:
        """The keystores of the keys that workers send with, by address: operator, operator-2, operator-3 …

        A folder may have some of them only. Raises Misconfigured for one that is no keystore.
        """
        found = {}
        for path in self._keys.glob("operator*.json"):
            match = re.fullmatch(r"operator(?:-([1-9][0-9]{0,3}))?", path.stem)
            if match:
                found[int(match[1] or 1)] = path
        return {keystore_address(path): path.stem for _, path in sorted(found.items())}

    def _keystore(self, name: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", name):
            raise InvalidInput("keystore", name, "letters, digits and hyphens, at most 64")
        return self._keys / f"{name}.json"

    def _password(self) -> str:
        return os.environ.get("LOCKSTEP_PASSWORD") or self._read(self._keys / "password")

    def roles(self, market: MarketFile) -> Roles:
        return Roles(
            deployer=self.key("deployer"),
            registrar=self.key("registrar"),
            registrar_confirmer=self.key("registrar-confirmer"),
            issuer=self.key("issuer"),
            operator=self.key("operator"),
            officer=self.key("officer"),
            confirmer=self.key("confirmer"),
            agents=tuple(self.key(f"agent-{number}") for number in range(1, AGENTS + 1)),
            wallets=self.wallets(market),
        )

    def wallets(self, market: MarketFile) -> dict[Bic, Key]:
        return {member.bic: self.key(f"wallet-{member.bic}") for member in market.members}

    def salt_key(self) -> bytes:
        """What the salts of trades derive from. Lost with the database, trades cannot be told again."""
        return bytes.fromhex(self._read(self._keys / "salt.key"))

    def rtgs_key(self, party: str) -> str:
        """The access key of a BIC, or of the `operator`, for the RTGS's door."""
        return self._read(self._keys / f"rtgs-{party}.key")

    # --- what everybody may know

    def market_file(self) -> MarketFile:
        return read_market(self.root / "market.toml")

    def write(self, market: Market, settings: Settings) -> None:
        """Stores the network's facts; the file appears whole. The installation is founded with it."""
        content = {
            "rpc": settings.rpc,
            "rtgs_url": settings.rtgs_url,
            "clock_offset_seconds": settings.clock_offset_seconds,
            **({} if settings.rtgs_operator_url is None else {"rtgs_operator_url": settings.rtgs_operator_url}),
            **({"more_rpcs": list(settings.more_rpcs)} if settings.more_rpcs else {}),
            **({} if settings.database is None else {"database": settings.database}),
            **{name: value for name, value in asdict(market.network).items() if value is not None},
            "wallets": {one.lei: one.wallet for one in market.participants.values()},
            "securities": [
                {
                    "isin": one.isin,
                    "name": one.name,
                    "token": one.token,
                    "decimals": one.decimals,
                    "quantity_type": one.quantity_type.value,
                    "currency": one.currency,
                }
                for one in market.securities.values()
            ],
        }
        _write_whole(self._network, json.dumps(content, indent=2))

    def write_manifest(self, text: str) -> None:
        """Stores the deployment's manifest; the file appears whole."""
        _write_whole(self._manifest, text)

    def manifest(self) -> str:
        return self._read(self._manifest)

    def settings(self) -> Settings:
        content = self._facts()
        return Settings(
            rpc=content["rpc"],
            rtgs_url=content["rtgs_url"],
            clock_offset_seconds=content["clock_offset_seconds"],
            rtgs_operator_url=content.get("rtgs_operator_url"),
            more_rpcs=tuple(content.get("more_rpcs", ())),
            database=self._named_database(content),
        )

    @staticmethod
    def _named_database(content: dict[str, Any]) -> str | None:
        url = content.get("database")
        try:
            return None if url is None else checked_database(url, field="network.json, database")
        except InvalidInput as error:
            raise Misconfigured(str(error)) from None

    def rtgs_certificates(self) -> RtgsCertificates | None:
        """For an RTGS on https: by the environment, else `rtgs_tls` in network.json; None if neither names any.

        Paths are relative to the installation's folder. Raises Misconfigured for some without the others.
        """
        named = self._facts().get("rtgs_tls", {})
        found = {name: os.environ.get(variable) or named.get(name) for name, variable in CERTIFICATE_VARIABLES.items()}
        if not any(found.values()):
            return None
        paths = {name: self.root / str(path) for name, path in found.items() if path}
        for name, variable in CERTIFICATE_VARIABLES.items():
            if name not in paths or not paths[name].is_file():
                value = paths.get(name, "")
                raise Misconfigured(
                    f"rtgs_tls/{name} (or {variable}): '{value}' breaks the rule: a PEM file, all three"
                )
        return RtgsCertificates(**paths)

    def clock(self) -> OffsetClock:
        return OffsetClock.of_seconds(self.settings().clock_offset_seconds)

    def market(self) -> Market:
        """The market as founded: the file's reference data with this network's addresses."""
        content, file = self._facts(), self.market_file()
        return Market(
            service=file.service,
            rtgs=file.rtgs,
            network=Network(**{one.name: content[one.name] for one in fields(Network) if one.name in content}),
            participants={
                one.lei: Participant(
                    name=one.name,
                    lei=one.lei,
                    bic=one.bic,
                    wallet=content["wallets"][one.lei],
                    accounts=one.accounts,
                )
                for one in file.members
            },
            securities={
                row["isin"]: Security(**{**row, "quantity_type": QuantityType(row["quantity_type"])})
                for row in content["securities"]
            },
            tolerances=file.tolerances,
            pay_by=file.pay_by,
        )

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self._read(self._network))
        return facts

    def _read(self, path: Path) -> str:
        try:
            return path.read_text()
        except OSError as error:
            raise Misconfigured(
                f"{path}: {error.strerror}; is {self.root} an installation? `lockstep up` founds one"
            ) from error


def checked_database(url: str, *, field: str) -> str:
    """A URL of a PostgreSQL database with the driver named. Raises InvalidInput, which never shows a password."""
    parts = urlsplit(url)
    scheme = "postgresql+psycopg" if parts.scheme == "postgresql" else parts.scheme
    shown = urlunsplit(parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}")) if parts.password else url
    if scheme != "postgresql+psycopg" or len(parts.path) < 2:
        raise InvalidInput(field, shown, "postgresql://USER@HOST:PORT/DATABASE")
    if parts.password or "password=" in parts.query:
        rule = f"a URL without a password: give that in {PASSWORD_VARIABLE} or in keys/database.password"
        raise InvalidInput(field, shown if parts.password else f"{url.partition('?')[0]}?***", rule)
    return urlunsplit(parts._replace(scheme=scheme))


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{quote(password, safe='')}@{place}"))


def checked_rpcs(text: str) -> tuple[str, ...]:
    """The nodes of `--rpc URL[,URL…]`, the first choice first. Raises InvalidInput."""
    urls = tuple(one.strip() for one in text.split(","))
    for url in urls:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InvalidInput("--rpc", url, "http://HOST:PORT or https://…; several with a comma between")
        if urls.count(url) > 1:
            raise InvalidInput("--rpc", url, "not named twice")
    return urls


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text)
    os.replace(beside, path)
