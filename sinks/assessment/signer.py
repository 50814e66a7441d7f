"""Who signs a package: an interface, and Ed25519 keys in files; hardware with other algorithms plugs in beside it."""

import os
from pathlib import Path
from typing import Any, Protocol

from aoi.findings import InputError, finding
from aoi.table import replace_file
from sinks.assessment.reader import key_id, public_key


class Signer(Protocol):
    """What signs: the name of its algorithm, the short name of its key, and a signature over bytes."""

    @property
    def algorithm(self) -> str:
        """``ed25519``, or another name that the receiver knows."""

    @property
    def key_id(self) -> str:
        """The short name of the public key."""

    def sign(self, message: bytes) -> bytes:
        """The signature over a message."""


class FileSigner:
    """An Ed25519 private key in a PEM file (PKCS 8, without a password).

    Raises
    ------
    InputError
        ``E-PKG-61``: the file holds no such key.
    """

    algorithm = "ed25519"

    def __init__(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key: Any = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError as error:
            raise InputError(finding("E-PKG-61", path.name, reason_zh="没有这个文件", reason_en="no such file")) from error
        except (OSError, ValueError, TypeError) as error:
            raise InputError(finding("E-PKG-61", path.name, reason_zh="无法读取", reason_en="it cannot be read")) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError(finding("E-PKG-61", path.name, reason_zh="不是 Ed25519 私钥", reason_en="no Ed25519 private key"))
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        """The short name of the public key."""
        return key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature; the same for the same message."""
        return bytes(self._key.sign(message))


def make_key(path: Path) -> Path:
    """A new key pair: the private key for its owner alone, the public one beside it with ``.pub``; a key that is there is never replaced.

    Raises
    ------
    InputError
        ``E-PKG-61``: one of the two files is there.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    public = path.with_name(f"{path.name}.pub")
    if path.exists() or public.exists():
        raise InputError(finding("E-PKG-61", path.name, reason_zh="已有密钥，不会覆盖", reason_en="there is a key; it is not replaced"))
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    replace_file(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return public


def read_public_key(path: Path) -> bytes:
    """The 32 bytes of a public key file.

    Raises
    ------
    InputError
        ``E-PKG-61``: the file holds no Ed25519 public key.
    """
    try:
        return public_key(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise InputError(finding("E-PKG-61", path.name, reason_zh="不是 Ed25519 公钥", reason_en="no Ed25519 public key")) from error


def verified_by_library(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature holds, by the library `cryptography`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
