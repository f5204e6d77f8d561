"""SSH signatures of packages, and the people whose signatures this user accepts.

A signature is what ``ssh-keygen -Y sign`` writes, over the manifest as it stands in the package, in the namespace
``nbreplay``; ``ssh-keygen -Y verify`` checks it without this program. Accepted keys are lines of an ``allowed_signers``
file in the user's data folder, outside any package, and can be withdrawn.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from nbreplay.errors import NbreplayError, SignatureBad, UsageError
from nbreplay.share.notebook import write_text

NAMESPACE = "nbreplay"
TIMEOUT_S = 120
"""Seconds for ssh-keygen: a key with a passphrase asks for it on the terminal."""

_PUBLIC = re.compile(r"(?P<kind>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)[a-z0-9@.-]*) (?P<key>[A-Za-z0-9+/]+=*)(?: .*)?")
_NAME = re.compile(r"[A-Za-z0-9._%+@-]{1,100}")


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose packages are accepted: the name that this user gave, and the key."""

    name: str
    kind: str
    key: str

    @property
    def line(self) -> str:
        """The line in ``allowed_signers``."""
        return f'{self.name} namespaces="{NAMESPACE}" {self.kind} {self.key}'


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that fits. *signer* is empty if the key is not one that this user accepts."""

    fingerprint: str
    signer: str = ""


def signers_path() -> Path:
    """Return where the accepted keys are."""
    return platformdirs.user_data_path("nbreplay") / "allowed_signers"


def sign(data: bytes, key: Path) -> bytes:
    """Return the signature of *data* by the SSH key in the file *key* (or its ``.pub``, with an agent).

    Raises
    ------
    SignatureBad
        It could not be made.
    """
    if not key.is_file():
        raise SignatureBad(f"no key {key}; make one with: ssh-keygen -t ed25519")
    with tempfile.TemporaryDirectory(prefix="nbreplay-") as folder:
        file = Path(folder) / "manifest.json"
        file.write_bytes(data)
        done = _keygen("-Y", "sign", "-q", "-f", str(key), "-n", NAMESPACE, str(file))
        signature = file.with_suffix(".json.sig")
        if done.returncode or not signature.is_file():
            raise SignatureBad(f"{key} does not sign: {_last_line(done.stderr)}")
        return signature.read_bytes()


def verify(data: bytes, signature: bytes) -> Signed:
    """Return who signed *data*.

    Raises
    ------
    SignatureBad
        The signature is none, or not of this data.
    """
    with tempfile.TemporaryDirectory(prefix="nbreplay-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        checked = _keygen("-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(file), data=data)
        if checked.returncode:
            raise SignatureBad(f"the signature does not fit: {_last_line(checked.stderr or checked.stdout)}")
        found = re.search(r"SHA256:[A-Za-z0-9+/]+", checked.stdout)
        fingerprint = found[0] if found else "an unknown key"
        if not signers_path().is_file():
            return Signed(fingerprint)
        named = _keygen("-Y", "find-principals", "-s", str(file), "-f", str(signers_path()))
        for name in named.stdout.split():
            good = _keygen(
                "-Y", "verify", "-f", str(signers_path()), "-I", name, "-n", NAMESPACE, "-s", str(file), data=data
            )
            if good.returncode == 0:
                return Signed(fingerprint, name)
    return Signed(fingerprint)


def accepted() -> list[Signer]:
    """Return the people whose signatures are accepted."""
    try:
        lines = signers_path().read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        name, _, rest = line.partition(" ")
        public = _PUBLIC.fullmatch(rest.partition('" ')[2].strip())
        if public:
            found.append(Signer(name, public["kind"], public["key"]))
    return found


def accept(name: str, public_key: Path) -> Signer:
    """Accept what the key in the file *public_key* signs, from now on, as of *name*.

    Raises
    ------
    UsageError
        The name or the key cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a signer; use letters, digits and . _ % + @ -")
    try:
        public = _PUBLIC.fullmatch(public_key.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as e:
        raise UsageError(f"{public_key} cannot be read ({e}); name the .pub file") from e
    if public is None:
        raise UsageError(f"{public_key} holds no public SSH key; name the .pub file")
    signer = Signer(name, public["kind"], public["key"])
    _write([*(s for s in accepted() if (s.name, s.key) != (name, signer.key)), signer])
    return signer


def withdraw(name: str) -> int:
    """Accept nothing more of *name*; return how many keys that were.

    Raises
    ------
    UsageError
        Nobody of this name is accepted.
    """
    left = [signer for signer in accepted() if signer.name != name]
    count = len(accepted()) - len(left)
    if not count:
        raise UsageError(f"{name!r} is not accepted; see: nbreplay signers")
    _write(left)
    return count


def _write(signers: list[Signer]) -> None:
    path = signers_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_text(path, "".join(f"{signer.line}\n" for signer in signers))
    path.chmod(0o600)


def _keygen(*arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise SignatureBad("there is no ssh-keygen here; install OpenSSH")
    try:
        done = subprocess.run(
            [program, *arguments], input=data, stdin=None if data is not None else subprocess.DEVNULL,
            capture_output=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as e:
        raise NbreplayError(f"ssh-keygen did not answer within {TIMEOUT_S} s") from e
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
