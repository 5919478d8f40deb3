"""Text that fits the terminal: long lines wrapped, wide tables cut into blocks of columns."""

import shutil
import textwrap

NO_BREAK = "\N{NO-BREAK SPACE}"


def wrapped(line, indent):
    """Break a line that is wider than the terminal.

    Parameters
    ----------
    line : str
        Not broken within a text made by `unbroken`.
    indent : int
        Spaces before all lines but the first.

    Returns
    -------
    list of str
        At most as wide as the terminal, or 80 columns where there is none, unless a word is wider.
    """
    options = {"break_long_words": False, "break_on_hyphens": False}
    lines = textwrap.wrap(line, _width(), subsequent_indent=" " * indent, **options)
    return [line.replace(NO_BREAK, " ") for line in lines]


def unbroken(text):
    """Keep a text on one line of `wrapped`."""
    return text.replace(" ", NO_BREAK)


def table(rows, joint="  "):
    """Align rows of texts in columns: the first one on the left, the others on the right.

    A table wider than the terminal is cut into blocks of columns, one below the other; each begins
    with the first column.

    Parameters
    ----------
    rows : iterable of list of str
    joint : str
        Between two columns.
    """
    first, *columns = zip(*rows, strict=True)
    first = _flush(first, str.ljust)
    blocks = [first]
    for column in columns:
        texts = [joint + text for text in _flush(column, str.rjust)]
        if blocks[-1] is not first and len(blocks[-1][0] + texts[0]) > _width():
            blocks.append(first)
        blocks[-1] = [line + text for line, text in zip(blocks[-1], texts, strict=True)]
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _flush(texts, justify):
    width = max(map(len, texts))
    return [justify(text, width) for text in texts]


def _width():
    return shutil.get_terminal_size().columns
