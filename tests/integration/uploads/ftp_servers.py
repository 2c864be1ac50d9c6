"""FTP servers of Debian that write as the current user into a directory: ProFTPD and vsftpd."""

import ftplib
import grp
import os
import pwd
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.servers import eventually, free_port, tool

# Of "secret", with SHA-512 (crypt(5))
_HASH = (
    "$6$Zq3sYQxR9vXn4b7d$"
    "dcnNb5a3Hrhw1teIx9UREILYEQDRewr.TjAbENqCko6p1moEeRnpK6tXnirYBTM6AqbJNg47mjPvy5vrJabOw."
)

_PROFTPD = """
ServerType standalone
DefaultAddress 127.0.0.1
Port {port}
UseIPv6 off
UseReverseDNS off
User {user}
Group {group}
AuthOrder mod_auth_file.c
AuthUserFile {scratch}/passwd
RequireValidShell off
RootLogin on
RootRevoke off
PidFile {scratch}/pid
ScoreboardFile {scratch}/scoreboard
SystemLog {scratch}/log
TransferLog none
WtmpLog off
AllowOverwrite on
AllowStoreRestart on
Umask 022
DelayEngine off
ControlsEngine off
"""

_VSFTPD = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
run_as_launching_user=YES
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
anon_upload_enable=YES
anon_umask=022
write_enable=YES
allow_writeable_chroot=YES
seccomp_sandbox=NO
xferlog_enable=NO
"""


@dataclass(frozen=True, slots=True)
class FtpServer:
    """An FTP server whose root is the photos directory."""

    port: int
    user: str

    def url(self, path: str) -> str:
        return f"ftp://{self.user}:secret@127.0.0.1:{self.port}/{path}"

    @contextmanager
    def session(self) -> Iterator[ftplib.FTP]:
        with ftplib.FTP() as session:
            session.connect("127.0.0.1", self.port, timeout=60)
            session.login(self.user, "secret")
            yield session


@contextmanager
def proftpd(root: Path, scratch: Path, *directives: str) -> Iterator[FtpServer]:
    user, port = pwd.getpwuid(os.geteuid()), free_port()
    passwd = scratch / "passwd"
    passwd.write_text(f"uploader:{_HASH}:{user.pw_uid}:{user.pw_gid}::{root}:/bin/sh\n")
    passwd.chmod(0o600)  # ProFTPD refuses a file that others can read
    config = scratch / "proftpd.conf"
    text = _PROFTPD.format(
        port=port, user=user.pw_name, group=grp.getgrgid(user.pw_gid).gr_name, scratch=scratch
    )
    config.write_text("\n".join((text, *directives, "")))
    with _running([tool("proftpd"), "-n", "-q", "-c", str(config)], FtpServer(port, "uploader")) as server:
        yield server


@contextmanager
def vsftpd(root: Path, scratch: Path) -> Iterator[FtpServer]:
    port, config = free_port(), scratch / "vsftpd.conf"
    config.write_text(_VSFTPD.format(port=port, root=root))
    with _running([tool("vsftpd"), str(config)], FtpServer(port, "anonymous")) as server:
        yield server


SERVERS = (proftpd, vsftpd)


@contextmanager
def _running(command: Sequence[str], server: FtpServer) -> Iterator[FtpServer]:
    def answers() -> bool:
        try:
            with server.session():
                return True
        except OSError:
            assert process.poll() is None, "the FTP server has ended before it answered"
            return False

    with subprocess.Popen(command) as process:
        try:
            assert eventually(answers)
            yield server
        finally:
            process.terminate()
