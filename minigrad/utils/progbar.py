"""What `fit`, `evaluate` and `predict` print while they run: Keras's progress bar and lines."""

import math
import numbers
import os
import shutil
import sys
import textwrap
import time

import numpy as np

BAR_WIDTH = 20  # characters
REDRAW_INTERVAL = 0.05  # seconds
BOLD, GREEN, WHITE, PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


class Progress:
    """The progress of one epoch: a bar that is redrawn in place, or a single line at the end.

    Parameters
    ----------
    target : int or None
        The number of steps to come; None if unknown.
    redraw : bool
        True draws a bar, which needs a terminal or a notebook (see `can_redraw`); where a program
        executes the notebook, only its last state. Longer lines than the terminal's are broken
        between two values.
    width, interval, unit
        Of the bar in characters, between two drawings in seconds; what a step is called.
    """

    def __init__(self, target, redraw, width=BAR_WIDTH, interval=REDRAW_INTERVAL, unit="step"):
        self.target = target
        self.redraw = redraw
        self.width, self.interval, self.unit = width, interval, unit
        self.step = 0
        self.start = time.perf_counter()
        self.first_step_end = None
        self.drawn_at = -math.inf
        self.drawn_width = 0  # 0: no unfinished bar is on the screen

    def update(self, step, logs):
        """Note that `step` steps (from 1) are done; redraw the bar at most every 0.05 s.

        `logs` is a dict; numbers among its values are rounded.
        """
        now = time.perf_counter()
        self.step = step
        if step == 1:
            self.first_step_end = now
        if self.redraw and now - self.drawn_at >= self.interval and _is_watched():
            self._draw(logs, now, finished=False)

    def finish(self, logs):
        """Print the last state of the bar or, where no bar is drawn, the one line."""
        now = time.perf_counter()
        self.target = self.step
        if self.redraw:
            self._draw(logs, now, finished=True)
        else:
            count = f"{self.step}/{self.step} - {now - self.start:.0f}s"
            text = f"{count} - {self._time_per_step(now)}{_describe(logs, size=float)}"
            print("\n".join(_broken(text, 0)), flush=True)

    def interrupt(self):
        """End the line of an unfinished bar: the next output begins on a new line."""
        if self.drawn_width:
            self.drawn_width = 0
            print(flush=True)

    def _draw(self, logs, now, finished):
        columns = _columns()
        width = min(self.width, columns // 4)
        clock = f"{now - self.start:.0f}s"
        if self.target is None:
            head = f"{self.step:7}/Unknown"
            head_width = len(head)
        else:
            count = f"{self.step:{len(str(self.target))}}/{self.target}"
            filled = width * self.step // self.target if self.target else width
            head = f"{_painted(BOLD, count)} {_bar(filled, width - filled)}"
            head_width = len(count) + 1 + width
            if not finished:
                clock = _clock((self.target - self.step) * self._seconds_per_step(now))
        tail = f" {self._time_per_step(now)}{_describe(logs, size=abs)}"
        head_width += 1 + len(clock)
        if not finished:  # a line that wraps could not be redrawn in place
            tail = tail[: max(0, columns - 1 - head_width)]
        first, *others = _broken(tail, head_width) if finished else [tail]
        drawn_width = head_width + len(first)
        first += " " * (self.drawn_width - drawn_width)  # over the rest of a longer line
        text = "\n".join([f"\r{head} {_painted(BOLD, clock)}{first}", *others])
        print(text, end="\n" if finished else "", flush=True)
        self.drawn_at = now
        self.drawn_width = 0 if finished else drawn_width

    def _seconds_per_step(self, now):
        """The mean, without the first step, which may include one-time work."""
        if self.first_step_end is not None and self.step > 1:
            return (now - self.first_step_end) / (self.step - 1)
        return (now - self.start) / self.step if self.step else 0.0

    def _time_per_step(self, now):
        seconds = self._seconds_per_step(now)
        if seconds >= 1 or seconds == 0:
            return f"{seconds:.0f}s/{self.unit}"
        if seconds >= 1e-3:
            return f"{seconds * 1e3:.0f}ms/{self.unit}"
        return f"{seconds * 1e6:.0f}us/{self.unit}"


class Progbar:
    """The progress bar of `fit`, for a loop of one's own.

    Parameters
    ----------
    target : int or None
        The number of steps to come; None if unknown.
    width : int
        Of the bar, in characters.
    verbose : {0, 1, 2}
        0: nothing; 1: a bar that is redrawn in place, on a screen; 2: one line at the end.
    interval : float
        At least this many seconds lie between two drawings.
    stateful_metrics, stateless_metrics : list of str, optional
        Whose values are shown as they are, or whose as means over the steps; give one of the two.
        Default: means of all.
    unit_name : str
        What a step is called.
    """

    def __init__(
        self, target, width=BAR_WIDTH, verbose=1, interval=REDRAW_INTERVAL, stateful_metrics=None,
        unit_name="step", stateless_metrics=None,
    ):  # fmt: skip
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar: expected stateful_metrics or stateless_metrics, got both")
        redraw = verbose == 1 and can_redraw()
        self.progress = Progress(target, redraw, width, interval, unit_name)
        self.verbose = verbose
        self.stateful, self.stateless = stateful_metrics, stateless_metrics
        self.sums = {}  # name -> sum and number of values, one for each step

    def update(self, current, values=None, finalize=None):
        """Note that `current` steps are done.

        Parameters
        ----------
        current : int
        values : list of (name, value), optional
            Of the steps since the last update.
        finalize : bool, optional
            Whether this is the end. Default: whether the target is reached.
        """
        steps = max(current - self.progress.step, 1)
        for name, value in values or ():
            total, count = 0.0, 0
            if not self._is_stateful(name):
                total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = total + float(np.mean(value)) * steps, count + steps
        logs = {name: total / count for name, (total, count) in self.sums.items()}
        if finalize is None:
            finalize = self.progress.target is not None and current >= self.progress.target
        if self.verbose and not finalize:
            self.progress.update(current, logs)
        self.progress.step = current
        if self.verbose and finalize:
            self.progress.finish(logs)

    def add(self, n, values=None):
        """Note that `n` more steps are done."""
        self.update(self.progress.step + n, values)

    def _is_stateful(self, name):
        if self.stateless is not None:
            return name not in self.stateless
        return self.stateful is not None and name in self.stateful


def can_redraw():
    """Whether the standard output is a screen: a terminal or a notebook, not a file or a pipe."""
    if type(sys.stdout).__module__.startswith("ipykernel"):
        return True
    return is_terminal() and os.environ.get("TERM") != "dumb"


def _is_watched():
    """Whether somebody may see a bar move: not where nbconvert or nbclient executes a notebook.

    Such programs say that they answer no input (``allow_stdin`` of Jupyter's messages), and keep
    all that was ever printed.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    request = getattr(getattr(shell, "kernel", None), "get_parent", dict)()
    return request.get("content", {}).get("allow_stdin", True)


def is_terminal():
    """Whether the standard output is a terminal; what replaces it may not have `isatty`."""
    isatty = getattr(sys.stdout, "isatty", None)
    return isatty is not None and bool(isatty())


def can_print(text):
    """Whether the standard output's encoding has all characters of `text`."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (LookupError, UnicodeEncodeError):  # Python does not know the encoding, or it lacks one
        return False
    return True


def _columns():
    """Width of the terminal; a notebook scrolls or wraps by itself, so it has any width."""
    return shutil.get_terminal_size().columns if is_terminal() else sys.maxsize


def _broken(text, start):
    """Return the lines of a text that begins in column `start`, broken before ` - name: value`."""
    text = text.replace(" - ", " -\xa0").replace(": ", ":\xa0")  # spaces that do not break
    lines = textwrap.wrap(
        text, max(_columns() - 1, start + 2), initial_indent="." * start, subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace("\xa0", " ") for line in [lines[0][start:], *lines[1:]]]


def _bar(filled, rest):
    full, empty = ("━", "─" if os.environ.get("NO_COLOR") else "━")
    if not can_print(full + empty):
        full, empty = "=", "."
    done = _painted(GREEN, full * filled) if filled else ""
    return done + _painted(WHITE, empty * rest)


def _painted(color, text):
    """The text in a color, unless NO_COLOR is set (no-color.org)."""
    return text if os.environ.get("NO_COLOR") else f"{color}{text}{PLAIN}"


def _clock(seconds):
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}" if minutes else f"{seconds}s"


def _describe(logs, size):
    """` - name: value` for each, with an exponent where `size(value)` is at most 1e-3."""
    return "".join(f" - {name}: {_format(value, size)}" for name, value in logs.items())


def _format(value, size):
    """A number with four decimals; what a callback put there instead of a number, as it is."""
    if not isinstance(value, numbers.Real):
        return str(value)
    return f"{value:.4f}" if size(value) > 1e-3 else f"{value:.4e}"
