"""Visitors who get a large file and do not read on, and what they got when they do."""

import fcntl
import socket
import struct
import termios
import time

MIB = 1024 * 1024
LINK = "/archive/album/"
BACKENDS = ("stored-zip", "tar")


def all_of(visitor: socket.socket) -> bytes:
    """All up to the end of the connection; ConnectionResetError when that is broken off."""
    data = bytearray()
    while part := visitor.recv(MIB):
        data += part
    return bytes(data)


def body_of(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def at_rest(visitor: socket.socket) -> bool:
    """Whether nothing more comes as long as the visitor does not read."""
    before = unread(visitor)
    time.sleep(0.2)
    return unread(visitor) == before > 0


def unread(visitor: socket.socket) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(visitor, termios.FIONREAD, bytes(4)))[0]
    return count
