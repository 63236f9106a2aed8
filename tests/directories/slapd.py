"""Debian's slapd on loopback, on a folder of its own; without it, the tests that need it are skipped by name."""

import base64
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import patience
from tests.contract.harness import free_port

BASE = "dc=example,dc=net"
ROBOT = f"uid=robot,{BASE}"
SMALL = f"uid=small,{BASE}"
"""May have five entries at a time, in pages as many as it likes."""
PASSWORD = "s3cret,with=odd+signs"

_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/slapd.pid
{tls}
sizelimit unlimited
database mdb
suffix "{base}"
rootdn "cn=root,{base}"
directory {folder}/data
maxsize 67108864
dbnosync
limits dn.exact="{small}" size.soft=5 size.hard=5 size.prtotal=unlimited
overlay memberof
access to dn.subtree="ou=hidden,{base}" by * none
access to attrs=userPassword by * auth
access to * by dn.exact="{robot}" read by dn.exact="{small}" read by anonymous search by * none
"""


@dataclass(frozen=True)
class Slapd:
    """A running server; ``ca`` is the authority of its certificate."""

    url: str
    secure_url: str
    ca: Path


def entry(dn: str, *classes: str, **attributes: str | list[str]) -> tuple[str, Mapping[str, list[str]]]:
    """An entry as the server takes it."""
    values = {name: [one] if isinstance(one, str) else one for name, one in attributes.items()}
    return dn, {"objectClass": list(classes), **values}


def ldif(entries: list[tuple[str, Mapping[str, list[str]]]]) -> str:
    """The entries as a file, all in Base64; each has an id by its place, so that every server gives the same."""
    return "\n\n".join(
        "\n".join(
            [
                f"dn:: {_coded(dn)}",
                *(f"{name}:: {_coded(value)}" for name, values in attributes.items() for value in values),
                f"entryUUID: 00000000-0000-4000-8000-{number:012d}",
            ]
        )
        for number, (dn, attributes) in enumerate(entries)
    )


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@contextlib.contextmanager
def running(folder: Path, entries: list[tuple[str, Mapping[str, list[str]]]]) -> Iterator[Slapd]:
    """Load the entries and run the server until the block ends."""
    program = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("slapd is not installed")
    (folder / "data").mkdir()
    ca = _certificate(folder)
    own = [
        entry(BASE, "dcObject", "organization", dc="example", o="Example"),
        entry(ROBOT, "account", "simpleSecurityObject", uid="robot", userPassword=PASSWORD),
        entry(SMALL, "account", "simpleSecurityObject", uid="small", userPassword=PASSWORD),
    ]
    tls = f"TLSCertificateFile {folder}/server.pem\nTLSCertificateKeyFile {folder}/server.key\nTLSVerifyClient never"
    config = folder / "slapd.conf"
    config.write_text(_CONFIG.format(folder=folder, base=BASE, robot=ROBOT, small=SMALL, tls=tls))
    (folder / "entries.ldif").write_text(ldif([*own, *entries]))
    loading = [program, "-T", "add", "-q", "-f", str(config), "-l", str(folder / "entries.ldif")]
    subprocess.run(loading, check=True, capture_output=True)
    urls = f"ldap://127.0.0.1:{free_port()}", f"ldaps://127.0.0.1:{free_port()}"
    process = subprocess.Popen([program, "-f", str(config), "-h", " ".join(urls), "-d", "0"], stderr=subprocess.DEVNULL)
    try:
        _wait(process, *urls)
        yield Slapd(*urls, ca)
    finally:
        process.terminate()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", *urls: str) -> None:
    deadline = time.monotonic() + patience.SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if all(map(_listens, urls)):
            return
        time.sleep(0.02)
    raise AssertionError("slapd does not answer")


def _listens(url: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def _certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 and its key; it is its own authority."""
    names = "subjectAltName=IP:127.0.0.1"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.pem")]
    subprocess.run([*made, "-subj", "/CN=slapd", "-addext", names, *files], check=True, capture_output=True)
    return folder / "server.pem"
