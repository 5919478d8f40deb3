"""Ctrl-C at a moment when it does no harm."""

import contextlib
import signal
import threading


class Hold:
    """``with hold:`` keeps a Ctrl-C back until the block is done; then KeyboardInterrupt is raised.

    Elsewhere Ctrl-C raises it at once, as ever.
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
    """Yield a ``Hold`` that Ctrl-C obeys inside this block: to enter it is as good as free.

    Where Ctrl-C does not raise KeyboardInterrupt, or in another thread than the main one, which
    never sees it, there is nothing to hold back.
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
        signal.signal(signal.SIGINT, signal.default_int_handler)
