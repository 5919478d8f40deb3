"""Ctrl-C at a moment when it does no harm."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def held_interrupts():
    """Hold a Ctrl-C back until the block is done; then KeyboardInterrupt is raised.

    Where Ctrl-C does not raise KeyboardInterrupt, or in another thread than the main one, which
    never sees it, there is nothing to hold back.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    held = []
    signal.signal(signal.SIGINT, lambda *_: held.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if held:
        raise KeyboardInterrupt
