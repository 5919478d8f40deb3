"""A run in which rank WHO meets its end in step STEP: ``python ends.py HOW WHO STEP FOLDER``.

With two arguments more, ``EPOCHS late``: within a backward, while a thread sends gradients.
"""

import os
import re
import signal
import sys
import time
from pathlib import Path

from train import cnn, images

import minigrad
from minigrad import callbacks, distribution, optimizers
from minigrad.ops.conv import Conv2D

LIMIT = 3.0  # s


class End(callbacks.Callback):
    """Ends one rank, or lets it hang, after a step, or late in the next one's backward."""

    def __init__(self, how, who, step, is_late):
        self.how, self.who, self.step, self.steps = how, who, step, 0
        self.is_late = is_late

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.step and distribution.rank() == self.who:
            if self.is_late:
                backward = Conv2D.backward
                Conv2D.backward = lambda *given: getattr(self, self.how)() or backward(*given)
            else:
                getattr(self, self.how)()

    def raises(self):
        raise ValueError("as was wanted")

    def leaves(self):
        sys.exit(3)

    def leaves_at_once(self):
        os._exit(3)

    def is_killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def is_out_of_memory(self):
        bytearray(2**60)

    def sleeps(self):
        time.sleep(1000)

    def is_stopped(self):
        os.kill(os.getpid(), signal.SIGSTOP)

    def holds_pythons_lock(self):
        re.match(r"(a|a)*b", "a" * 40)

    def is_interrupted(self):
        os.kill(os.getpid(), signal.SIGINT)

    def is_terminated(self):
        os.kill(os.getpid(), signal.SIGTERM)

    def is_signalled(self):
        os.kill(os.getpid(), signal.SIGUSR1)

    def goes_on(self):
        pass


class Tell(callbacks.Callback):
    """Says on standard error which steps this rank has finished."""

    steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        os.write(2, f"rank {distribution.rank()} finished step {self.steps}\n".encode())


def main(how, who, step, folder, epochs="50", late=""):
    distribution.initialize(limit=LIMIT, overlap=bool(late))
    if late:
        distribution.buckets.BUCKET_BYTES = 1  # so each gradient is on its way at once
    minigrad.utils.set_random_seed(6)
    model = cnn(optimizers.Adam(0.01))
    x, y = images()
    backup = callbacks.BackupAndRestore(Path(folder), save_freq=2, delete_checkpoint=False)
    several = [backup, Tell(), End(how, int(who), int(step), bool(late))]
    model.fit(x, y, batch_size=20, epochs=int(epochs), verbose=0, callbacks=several)
    print(f"hash: {model.weights_hash()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
