"""All ranks end together: after errors, exits and signals, with one message that says why."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings

from minigrad.distribution.heartbeat import LEAVING, Heartbeat, pulse

SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, n)]
SECONDS_TO_TELL = 0.2  # before Abort, which may outrun a message
SECONDS_FOR_OTHERS = 0.5  # rank 0 tells first of an error that all ranks have
SECONDS_OF_ONE_PRESS = 1.0  # in which mpiexec and the terminal may both send a signal


class Stopped(KeyboardInterrupt):
    """All ranks stop after the same step, since one of them got a signal."""


class Signals:
    """A signal to one rank travels with the next exchange, and stops all ranks after that step."""

    def __init__(self):
        self.asked = 0  # the number of a signal that others do not know of yet
        self.agreed = None  # (signal, rank), when all know
        self._when = -1e9  # the last one came

    def handle(self, number, frame):
        now = time.monotonic()
        if self.agreed is not None:
            (number, rank), self.agreed, self.asked, self._when = self.agreed, None, 0, now
            raise Stopped(f"rank {rank} got {signal.Signals(number).name}", number)
        if now - self._when < SECONDS_OF_ONE_PRESS:
            return
        self._when = now
        if self.asked and number == signal.SIGINT:  # pressed again: at once
            raise KeyboardInterrupt
        self.asked = number

    def agree(self, flags):
        """Stop if a rank has a flag: the numbers of the ranks' signals, which all ranks have."""
        rank = next((r for r, number in enumerate(flags) if number), None)
        if rank is None or threading.current_thread() is not threading.main_thread():
            return
        self.agreed = int(flags[rank]), rank
        signal.getsignal(signal.SIGINT)(signal.SIGINT, None)  # fit's waits for the step's end


signals = Signals()


class Guard:
    """Ends all ranks when one ends.

    Parameters
    ----------
    MPI : module
    limit : float
        Seconds without progress after which the run ends.
    """

    def __init__(self, MPI, limit):
        self.world = MPI.COMM_WORLD
        self.title = f"rank {self.world.Get_rank()} of {self.world.Get_size()}"
        self._exits = self.world.Dup()
        self._lock = threading.Lock()
        self._has_left = False
        self.heartbeat = Heartbeat(self.world.Dup(), limit, self.abort)
        self.heartbeat.start()
        self._before = sys.excepthook
        sys.excepthook = self.on_error
        atexit.register(self.leave)
        for number in SIGNALS:
            signal.signal(number, signals.handle)
        if self.world.Get_rank():  # rank 0 prints for all
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            warnings.showwarning = lambda *_, **__: None
        # Open MPI names a rank that was killed; MPICH any of those that it killed in turn.
        self._witness = Witness(self.world) if "MPICH" in MPI.Get_library_version() else None

    def abort(self, message, code=4):
        """Say why, and end all ranks."""
        with self._lock:
            if self._witness:
                self._witness.be_quiet()
            tell(message)
            time.sleep(SECONDS_TO_TELL)
            self.world.Abort(code)
            time.sleep(10)  # until the signal is here that Abort has sent
            os._exit(code)  # cut off from mpiexec, which would send it

    def on_error(self, kind, error, trace):
        """End all ranks after an error of this one; after `Stopped`, which all have, in order."""
        if kind is Stopped:
            if not self.world.Get_rank():
                tell(f"{error.args[0]}: all ranks stopped after the same step")
            self.leave()
            if not self.world.Get_rank():  # a rank that exits by itself may be the last one killed
                self.world.Abort(128 + error.args[1])
            time.sleep(60)
        try:
            if self.world.Get_rank():
                time.sleep(SECONDS_FOR_OTHERS)
            self._before(kind, error, trace)
            sys.stderr.flush()
        finally:  # also without memory for the lines above
            self.abort(f"{self.title} ended with {kind.__name__}, after exchange "
                       f"{pulse.exchanges}; so all end", 1)  # fmt: skip

    def leave(self):
        """Wait for all ranks to end. If others wait for this one, the heartbeat ends the run."""
        if self._has_left:
            return
        self._has_left = True
        sys.stdout.flush()
        with pulse(LEAVING):
            request = self._exits.Ibarrier()
            while not request.Test():
                time.sleep(0.002)
            self.heartbeat.stop()
        if self._witness:
            self._witness.dismiss()


# Waits for a word, or for the death of whoever could write it. Only the first witness of a machine
# speaks, which could make the folder $1: the ranks of the others were killed in its wake.
WITNESS = """trap "" INT TERM HUP
read -r word && exit
mkdir "$1" 2>&- && echo "$2" >&2
exec >&- 2>&-
sleep 3; rmdir "$1"
"""


class Witness:
    """A process that outlives this rank, and says so if it was killed."""

    def __init__(self, comm):
        rank, size = comm.Get_rank(), comm.Get_size()
        self.mark = os.path.join(
            tempfile.gettempdir(), comm.bcast(f"minigrad-{os.urandom(6).hex()}")
        )
        why = "it was killed (out of memory?), or left by os._exit"
        message = f"minigrad.distribution: rank {rank} of {size} ended without a word: {why}"
        self.process = subprocess.Popen(
            ["sh", "-c", WITNESS, "witness", self.mark, message],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def be_quiet(self):
        """Let no witness speak: the end is told already."""
        with contextlib.suppress(OSError):
            os.mkdir(self.mark)

    def dismiss(self):
        """End the process: this rank ends in order."""
        self.process.communicate(b"bye\n")


def tell(message):
    """Write a line to standard error, at once and whole."""
    os.write(2, f"minigrad.distribution: {message}\n".encode())
