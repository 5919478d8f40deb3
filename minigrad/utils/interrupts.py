"""Delay Ctrl-C until it does no harm."""

import contextlib
import signal
import threading


class Hold:
    """``with hold:`` delays Ctrl-C to the end of the block, where KeyboardInterrupt is raised.

    Outside of the block Ctrl-C raises it at once.
    """

    def __init__(self):
        self.active = False
        self.pressed = False

    def __enter__(self):
        self.active = True
        self.pressed = False

    def __exit__(self, error, *_):
        self.active = False
        if self.pressed and error is None:
            raise KeyboardInterrupt

    def on_interrupt(self, *_):
        if not self.active:
            raise KeyboardInterrupt
        self.pressed = True


@contextlib.contextmanager
def interrupts():
    """Install a signal handler for the block and yield its ``Hold``, which is cheap to enter.

    The ``Hold`` has no effect where Ctrl-C does not raise KeyboardInterrupt, nor outside the main
    thread, the only one that receives it.
    """
    hold = Hold()
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield hold
        return
    signal.signal(signal.SIGINT, hold.on_interrupt)
    try:
        yield hold
    finally:
        if signal.getsignal(signal.SIGINT) == hold.on_interrupt:  # else a callback set its own
            signal.signal(signal.SIGINT, signal.default_int_handler)
