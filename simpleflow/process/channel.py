"""Messages between our own processes: JSON, each with its length before it."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence
from typing import Any

import orjson

Message = dict[str, Any]

_LENGTH = struct.Struct("!I")
_CHUNK = 65_536
#: File descriptors that one message can carry.
MOST_FDS = 250


class Channel:
    """One end of a pair of stream sockets. Any thread may send, one may receive."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()
        self._received = bytearray()

    @classmethod
    def pair(cls) -> tuple[Channel, socket.socket]:
        """A channel, and the other end, which is to go to another process."""
        mine, other = socket.socketpair()
        return cls(mine), other

    def send(self, message: Message, pass_on: Sequence[socket.socket] = ()) -> None:
        """``pass_on`` arrives with the message. Raises OSError when nobody will read it."""
        body = orjson.dumps(message)
        frame = _LENGTH.pack(len(body)) + body
        with self._sending:
            if pass_on:
                socket.send_fds(self._socket, [frame[: _LENGTH.size]], [end.fileno() for end in pass_on])
                frame = body
            self._socket.sendall(frame)

    def receive(self) -> Message | None:
        """The next message, or None when the other end is closed.

        Raises ConnectionResetError when the other end was closed and had not read all that was sent to it (on Linux).
        """
        size = _LENGTH.size
        while len(self._received) < size or len(self._received) < size + _LENGTH.unpack_from(self._received)[0]:
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                return None
            self._received += chunk
        end = size + _LENGTH.unpack_from(self._received)[0]
        body = bytes(self._received[size:end])
        del self._received[:end]
        return _parsed(body)

    def receive_with_fds(self) -> tuple[Message, list[socket.socket]] | None:
        """Like ``receive``, for a channel of which every message is read with this method."""
        head, fds, _, _ = socket.recv_fds(self._socket, _LENGTH.size, MOST_FDS, socket.MSG_WAITALL)
        if len(head) < _LENGTH.size:
            return None
        ends = [socket.socket(fileno=fd) for fd in fds]
        for end in ends:
            end.set_inheritable(False)
        body = self._socket.recv(_LENGTH.unpack(head)[0], socket.MSG_WAITALL)
        return _parsed(body), ends

    def fileno(self) -> int:
        return self._socket.fileno()

    def hang_up(self) -> None:
        """Nothing arrives any more here; whoever waits in ``receive`` gets what is there and then None."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other end was faster
            pass

    def close(self) -> None:
        self._socket.close()


def _parsed(body: bytes) -> Message:
    message = orjson.loads(body)
    assert isinstance(message, dict)
    return message
