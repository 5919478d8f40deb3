"""Delay Ctrl-C until it does no harm."""

import contextlib
import signal
import threading


class Hold:
    """``with hold:`` delays Ctrl-C to the end of the block, where it does what it always did.

    Blocks may be nested: it is the end of the outermost one. Outside of all Ctrl-C acts at once.

    Parameters
    ----------
    handler : callable
        The handler of the signal before, such as Python's own, which raises KeyboardInterrupt.
    """

    def __init__(self, handler):
        self.handler = handler
        self.depth = 0
        self.is_brief = False
        self.pressed = None  # what the handler is to be called with

    def __enter__(self):
        self.depth += 1

    def __exit__(self, error, *_):
        self.depth -= 1
        if self.depth == 0 and self.pressed is not None:
            pressed, self.pressed = self.pressed, None
            if error is None:
                self.handler(*pressed)

    @contextlib.contextmanager
    def until_second(self):
        """Hold it too, but not the second one: code of a user's may take long."""
        with self:
            self.is_brief = self.depth == 1
            try:
                yield
            finally:
                self.is_brief = False

    def on_interrupt(self, *arguments):
        is_second = self.is_brief and self.depth == 1 and self.pressed is not None
        if self.depth and not is_second:
            self.pressed = arguments
        else:
            self.handler(*arguments)


@contextlib.contextmanager
def interrupts():
    """Install a signal handler for the block and yield its ``Hold``, which is cheap to enter.

    A block within another has the same ``Hold``. It has no effect where Ctrl-C is ignored or ends
    the process, nor outside the main thread, the only one that receives it. A handler that is
    installed within the block stays.
    """
    before = None
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGINT)
    outer = getattr(before, "__self__", None)
    if isinstance(outer, Hold) or not callable(before):
        yield outer if isinstance(outer, Hold) else Hold(before)
        return
    hold = Hold(before)
    signal.signal(signal.SIGINT, hold.on_interrupt)
    try:
        yield hold
    finally:
        if signal.getsignal(signal.SIGINT) == hold.on_interrupt:  # else a callback set another
            signal.signal(signal.SIGINT, before)
