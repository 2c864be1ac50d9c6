"""Clients that stop reading a large file, and what they receive later."""

import fcntl
import socket
import struct
import termios
import time

MIB = 1024 * 1024
LINK = "/archive/album/"
BACKENDS = ("stored-zip", "tar")


def all_of(client: socket.socket) -> bytes:
    """All up to the end of the connection; ConnectionResetError when that is broken off."""
    data = bytearray()
    while part := client.recv(MIB):
        data += part
    return bytes(data)


def body_of(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def at_rest(client: socket.socket) -> bool:
    """Whether nothing more comes as long as the client does not read."""
    before = unread(client)
    time.sleep(0.2)
    return unread(client) == before > 0


def unread(client: socket.socket) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(client, termios.FIONREAD, bytes(4)))[0]
    return count
