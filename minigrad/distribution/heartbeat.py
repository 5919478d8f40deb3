"""Each rank says every half second what it does, so that none waits for ever for one that hangs.

Rank 0 listens to all, and all to rank 0. A rank that is not heard of is stopped or cut off, or one
call keeps Python's lock; one that computes for long while others wait is in a loop; where all wait,
they wait for each other. Then the run ends, with one message that names the rank.
"""

import os
import threading
import time

import numpy as np

COMPUTING, WAITING, BUSY, LEAVING = range(4)
TAG_BEAT, TAG_END = 1, 2
LONGEST_INTERVAL = 0.5  # s between beats
GRACE = 1.5  # s that others wait for a rank which has ended before the run does, or for rank 1


class Pulse:
    """What this rank does now. ``with pulse(WAITING):`` says it for the block."""

    def __init__(self):
        self.state, self.since, self.exchanges = COMPUTING, time.monotonic(), 0
        self.waited = 0.0  # s in exchanges, in all
        self._before = []

    def __call__(self, state):
        self._next = state
        return self

    def __enter__(self):
        self._before.append(self.state)
        self.state, self.since = self._next, time.monotonic()
        self.exchanges += self._next == WAITING

    def __exit__(self, *_):
        now = time.monotonic()
        self.waited += (now - self.since) * (self.state == WAITING)
        self.state, self.since = self._before.pop(), now


pulse = Pulse()


class Heartbeat(threading.Thread):
    """The thread that says what this rank does, and listens.

    Parameters
    ----------
    comm : mpi4py.MPI.Intracomm
        For beats alone.
    limit : float
        Seconds without progress after which the run ends.
    abort : callable
        ``abort(message)``: ends the run.
    """

    def __init__(self, comm, limit, abort):
        super().__init__(name="minigrad heartbeat", daemon=True)
        self.comm, self.limit, self.abort = comm, limit, abort
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.others = [0] if self.rank else list(range(1, self.size))
        self.interval = min(LONGEST_INTERVAL, limit / 6)
        self.ended = threading.Event()
        self.parent = os.getppid()
        self._sent = {}  # rank -> (request, what is on its way)
        self._facts = {}  # rank -> (state, seconds in it, exchanges, when it was heard)

    def run(self):
        looked = time.monotonic()
        self._facts = dict.fromkeys(self.others, (COMPUTING, 0.0, 0, looked))
        while not self.ended.wait(self.interval):
            self._beat()
            now = time.monotonic()
            if now - looked > self.limit / 2:  # it was this process that was stopped
                self._facts = {rank: (*fact[:3], now) for rank, fact in self._facts.items()}
            looked = now
            self._listen()
            if fault := self._find_fault(now):
                self.abort(fault)
            if os.getppid() != self.parent:  # mpiexec itself was killed
                os._exit(1)

    def _beat(self):
        content = [pulse.state, time.monotonic() - pulse.since, pulse.exchanges]
        for rank in self.others:
            if rank not in self._sent or self._sent[rank][0].Test():  # else it is stopped
                beat = np.array(content, np.float64)
                self._sent[rank] = self.comm.Isend(beat, rank, TAG_BEAT), beat

    def _listen(self):
        content = np.empty(3)
        for rank in self.others:
            while self.comm.Iprobe(rank, TAG_BEAT):
                self.comm.Recv(content, rank, TAG_BEAT)
                state, seconds, exchanges = content
                self._facts[rank] = int(state), seconds, int(exchanges), time.monotonic()

    def _find_fault(self, now):
        """What is wrong with which rank, in words; None if nothing is."""
        own = pulse.state, now - pulse.since, pulse.exchanges, now
        facts = {self.rank: own} | self._facts
        waiting = [seconds for state, seconds, _, _ in facts.values() if state == WAITING]
        longest = max(waiting, default=0)
        for rank, (state, seconds, exchanges, heard) in self._facts.items():  # not of itself
            title, place = f"rank {rank} of {self.size}", f"after exchange {exchanges}"
            if now - heard > self.limit + GRACE * (self.rank > 1):  # rank 1 tells first
                why = "it is stopped or cut off, or one call holds Python's lock"
                return f"{title} was not heard of for {self.limit:g} s, {place}: {why}"
            if self.rank > 1:
                continue
            if state == LEAVING and min(seconds, longest) > GRACE:
                return f"{title} ended {place}, and others wait for it"
            if state == COMPUTING and min(seconds, longest) > self.limit:
                return f"{title} hangs: it computes for {seconds:.0f} s, {place}, and others wait"
        if len(waiting) == self.size and min(waiting) > self.limit:
            counts = ", ".join(f"{rank}: {fact[2]}" for rank, fact in sorted(facts.items()))
            return f"all ranks wait for each other, in exchanges {counts}: is a call for some only?"
        return None

    def stop(self):
        """End the thread, after all ranks have come here; no beat is left on its way."""
        self.ended.set()
        self.join()
        ends = [self.comm.Isend(np.zeros(3), rank, TAG_END) for rank in self.others]
        content = np.empty(3)
        for rank in self.others:
            while not self.comm.Iprobe(rank, TAG_END):
                self._listen()
                time.sleep(0.001)
            self.comm.Recv(content, rank, TAG_END)
            self._listen()
        for request in [*ends, *(sent for sent, _ in self._sent.values())]:
            request.Wait()
