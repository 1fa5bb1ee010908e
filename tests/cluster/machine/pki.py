"""Keys and certificates by openssl: one authority for the cluster, one for its aggregation layer."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_DAYS = "30"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path


class Pki:
    """Makes pairs in one folder; a pair that is there is given again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def pair(self, name: str) -> Pair:
        """Files of that name, there or not."""
        return Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")

    def authority(self, name: str) -> Pair:
        """A certificate authority."""
        pair = self.pair(name)
        if not pair.certificate.exists():
            self._key(pair.key)
            subject = ("-subj", f"/CN={name}")
            _openssl("req", "-x509", "-new", "-key", pair.key, "-out", pair.certificate, "-days", _DAYS, *subject)
        return pair

    def issue(self, name: str, authority: Pair, subject: str, names: tuple[str, ...] = ()) -> Pair:
        """A pair that `authority` signed, good for clients and for servers.

        subject  as openssl writes it: `/O=system:masters/CN=admin`
        names    what a server is called: `DNS:localhost`, `IP:127.0.0.1`
        """
        pair = self.pair(name)
        if pair.certificate.exists():
            return pair
        self._key(pair.key)
        request = self._folder / f"{name}.csr"
        _openssl("req", "-new", "-key", pair.key, "-out", request, "-subj", subject)
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(_extensions(names))
        signer = ("-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial")
        files = ("-in", request, "-out", pair.certificate, "-extfile", extensions)
        _openssl("x509", "-req", *files, *signer, "-days", _DAYS)
        request.unlink()
        extensions.unlink()
        return pair

    def signing_pair(self, name: str) -> Pair:
        """A key and its public half (in place of a certificate): for tokens of service accounts."""
        pair = Pair(self._folder / f"{name}.pub", self._folder / f"{name}.key")
        if not pair.certificate.exists():
            self._key(pair.key)
            _openssl("pkey", "-in", pair.key, "-pubout", "-out", pair.certificate)
        return pair

    def _key(self, file: Path) -> None:
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", file)
        file.chmod(0o600)


def _extensions(names: tuple[str, ...]) -> str:
    lines = [
        "basicConstraints = critical, CA:FALSE",
        "keyUsage = critical, digitalSignature, keyEncipherment",
        "extendedKeyUsage = clientAuth, serverAuth",
    ]
    if names:
        lines.append(f"subjectAltName = {','.join(names)}")
    return "\n".join(lines) + "\n"


def _openssl(*args: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {args[0]}: {done.stderr.strip()}")
