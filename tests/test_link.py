"""The parts of `benchmarks.ranks.link` that need neither root nor MPI."""

import argparse
import contextlib
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmarks are not next to these tests", allow_module_level=True)
pytest.importorskip("fcntl", reason="needs Unix")
Link = pytest.importorskip("benchmarks.ranks.link").Link

from benchmarks.ranks.model import crossing, over_link  # noqa: E402


@pytest.mark.parametrize(
    ("text", "link", "told"),
    [
        ("1G,0.2ms", Link(1e9, 2e-4), "1 Gbit/s, 0.2 ms"),
        ("100M,2ms,0.1%", Link(1e8, 2e-3, 1e-3), "100 Mbit/s, 2 ms, 0.1 % lost"),
    ],
)
def test_a_link_is_read_and_told(text, link, told):
    found = Link.parse(text)
    assert (found.rate, found.delay, found.loss) == pytest.approx(
        (link.rate, link.delay, link.loss)
    )
    assert str(found) == told


@pytest.mark.parametrize(
    "text",
    ["", "1G", "1G,2", "1,2ms", "1G,2ms,3", "1G,2ms,100%", "-1G,2ms", "1G,2ms,1%,4", "fast,2ms"],
)
def test_what_is_no_link_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"as in 100M,2ms,0\.1%"):
        Link.parse(text)


def test_faults_tells_another_link_from_a_slower_one():
    link = Link(1e8, 2e-3)
    assert link.faults(4.2e-3, 11.8e6) == ("", "")
    other, slower = link.faults(0.1e-3, 11.8e6)  # quicker than the delay allows: another way
    assert "0.10 ms" in other
    assert slower == ""
    assert "104 Mbit/s" in link.faults(4.2e-3, 13e6)[0]
    assert link.faults(9e-3, 11.8e6)[0] == ""
    assert "72 Mbit/s" in link.faults(4.2e-3, 9e6)[1]


def test_bytes_that_cross_are_those_to_the_ranks_on_the_other_machine():
    for ranks in (2, 4, 8):
        to_each = 5.0  # bytes from each rank to each other one
        pairs = [(a, b) for a in range(ranks // 2) for b in range(ranks // 2, ranks)]
        assert crossing(ranks, to_each * (ranks - 1)) == pytest.approx(to_each * len(pairs))
    assert crossing(1, 0) == 0


def test_the_time_of_a_link_is_delays_and_bytes():
    row = {"round_trip": 4e-3, "bandwidth": 1.25e7, "ranks": 2, "bytes": 1e6, "exchanges": 3}
    assert over_link(row) == pytest.approx(3 * 2e-3 + 0.08)


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    program = tmp_path_factory.mktemp("relay") / "relay"
    source = ROOT / "benchmarks" / "ranks" / "relay.c"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", program, source], check=True)
    return program


def carry(program, loss, seed, frames=100):
    """The numbers of the frames that come through, and how many are lost, as the relay tells."""
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]  # for TAP devices
    with contextlib.ExitStack() as opened:
        for end in ends:
            opened.enter_context(end).bind(("127.0.0.1", 0))
        for one, other in (ends[:2], ends[2:]):
            one.connect(other.getsockname())
            other.connect(one.getsockname())
        for end in ends:
            end.setblocking(False)
        first, one, second, two = ends
        for number in range(frames):
            first.send(bytes([number] * 60))
        numbers = one.fileno(), two.fileno(), 1_000_000, loss, seed
        done = subprocess.run(
            [program, *map(str, numbers)], pass_fds=numbers[:2], input="", capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = second.recv(2048)
                assert frame == bytes(frame[:1] * 60)
                found.append(frame[0])
    return found, done.stdout.split()


def test_the_relay_carries_all_in_order(relay):
    assert carry(relay, 0, 0) == (list(range(100)), ["0", "0"])


def test_the_relay_loses_the_same_frames_of_the_same_seed(relay):
    found, lost = carry(relay, 0.3, 1)
    assert lost == [str(100 - len(found)), "0"]
    assert 50 < len(found) < 90
    assert carry(relay, 0.3, 1) == (found, lost)
    assert carry(relay, 0.3, 2)[0] != found
