import os
import socket
from collections.abc import Iterator

import pytest

from simpleflow.process.channel import Channel

Ends = tuple[Channel, Channel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    mine, end = Channel.pair()
    other = Channel(end)
    yield mine, other
    mine.close()
    other.close()


def test_messages_arrive_in_order_and_whole(ends: Ends) -> None:
    mine, other = ends
    for message in ({"a": "é" * 10_000}, {}, {"b": [1, None]}):
        mine.send(message)
    assert [other.receive() for _ in range(3)] == [{"a": "é" * 10_000}, {}, {"b": [1, None]}]


def test_the_end_is_none_even_in_the_middle_of_a_message(ends: Ends) -> None:
    mine, other = ends
    mine._socket.sendall(b"\x00\x00\x00\x09{")
    mine.close()
    assert other.receive() is None


def test_what_has_arrived_is_read_after_hanging_up(ends: Ends) -> None:
    mine, other = ends
    other.send({"last": 1})
    mine.hang_up()
    mine.hang_up()
    assert mine.receive() == {"last": 1}
    assert mine.receive() is None


def test_who_was_not_read_learns_it(ends: Ends) -> None:
    mine, other = ends
    mine.send({"task": 1})
    other.close()
    with pytest.raises(ConnectionResetError):
        mine.receive()


def test_sockets_travel_with_a_message_and_are_not_inherited(ends: Ends) -> None:
    mine, other = ends
    near, far = socket.socketpair()
    with near, far:
        mine.send({"fork": 7}, [far])
        mine.send({"fork": 8})
        message, received = other.receive_with_fds()
        assert message == {"fork": 7}
        near.sendall(b"x")
        assert received[0].recv(1) == b"x"
        assert not os.get_inheritable(received[0].fileno())
        received[0].close()
        assert other.receive_with_fds() == ({"fork": 8}, [])
    mine.close()
    assert other.receive_with_fds() is None
