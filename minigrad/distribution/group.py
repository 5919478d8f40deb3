"""Who of the ranks acts for all: what `utils.together` asks."""

import contextlib
import pickle
import tempfile
from pathlib import Path

from minigrad.distribution.handshake import checksum, describe, digest, of_data, of_model
from minigrad.distribution.heartbeat import BUSY, pulse


class Group:
    """Ranks that run the same program.

    Parameters
    ----------
    exchange : exchange.Alone or another exchange
    """

    shards = None  # set by `set_distribution`

    def __init__(self, exchange):
        self.exchange = exchange
        self.rank, self.size = exchange.rank, exchange.size
        self._actions = 0  # in how many actions, each a rank's own, this one is

    def is_writer(self):
        return self.rank == 0 or self._actions > 0

    def once(self, action):
        """See `together.once`."""
        if self._actions or self.size == 1:
            return action()
        value, error = self.exchange.broadcast(self._attempt(action) if self.rank == 0 else None)
        if error is not None:
            raise error
        return value

    def first(self, action):
        """See `together.first`."""
        if self._actions or self.size == 1:
            return action()
        value, error = self._attempt(action) if self.rank == 0 else (None, None)
        error = self.exchange.broadcast(error)
        if self.rank and error is None:
            value, error = self._attempt(action)
        if error is not None:
            raise error
        return value

    def _attempt(self, action):
        """Return the result of an action and None, or None and its error."""
        self._actions += 1
        try:
            with pulse(BUSY):  # others wait for the network or the disk, as long as it takes
                return action(), None
        except Exception as error:
            return None, _portable(error)
        finally:
            self._actions -= 1

    @contextlib.contextmanager
    def writing(self, path, write):
        """See `together.writing`."""
        if self._actions or self.size == 1:
            with write(path) as temporary:
                yield temporary
        elif self.rank == 0:
            error = None
            try:
                with pulse(BUSY), write(path) as temporary:
                    yield temporary
            except BaseException as raised:
                error = raised
                raise
            finally:
                self.exchange.broadcast(_portable(error))
        else:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    yield Path(folder, Path(path).name)
                finally:
                    error = self.exchange.broadcast(None)
            if error is not None:
                raise error

    def meet(self, layer, data):
        """See `together.meet`."""
        if self.size > 1 and not self._actions:
            self.compare({**of_model(layer), "data": of_data(*data)})

    def note(self, *batch):
        """See `together.note`."""
        if self.size > 1 and not self._actions:
            self.exchange.note = checksum(*batch)

    def compare(self, facts):
        """See `together.compare`."""
        if self._actions or self.size == 1:
            return
        mine = {name: digest(value) for name, value in facts.items()}
        everyone = [self.exchange.broadcast(digest(mine), root) for root in range(self.size)]
        if len({*everyone}) == 1:
            return
        told = {name: describe(value) for name, value in facts.items()}
        told = [self.exchange.broadcast(told, root) for root in range(self.size)]
        raise RuntimeError(_differences(told))


def _portable(error):
    """The error, or one of its text if it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _differences(told):
    """In words, which facts differ and on which ranks: ``told`` has a dict for each rank."""
    lines = []
    for name in {name: None for facts in told for name in facts}:
        ranks_of = {}
        for rank, facts in enumerate(told):
            ranks_of.setdefault(facts.get(name, "nothing"), []).append(rank)
        if len(ranks_of) > 1:
            lines.append(f"{name.replace('_', ' ')} ({_in_words(ranks_of)})")
    return f"distribution: expected the same on all ranks, got different {'; '.join(lines)}"


def _in_words(ranks_of):
    texts = []
    for value, ranks in ranks_of.items():
        title = "rank" if len(ranks) == 1 else "ranks"
        texts.append(f"{value} on {title} {', '.join(map(str, ranks))}")
    return "; ".join(texts)
