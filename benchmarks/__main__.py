"""Compare minigrad with its peers. README.md explains the rows and how to read the tables."""

import argparse
import collections
import contextlib
import dataclasses
import datetime
import itertools
import json
import os
import platform
import statistics
import sys
from pathlib import Path

from benchmarks import rows, whole
from benchmarks.measure import Process, quartiles, ratios, run_case

ROWS = rows.ROWS | whole.ROWS
OURS = "minigrad"


def parse_arguments():
    def words(text):
        return [word.strip() for word in text.split(",")]

    peers = [name for name in rows.CONTENDERS if not name.startswith(OURS)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    flag = parser.add_argument
    flag("--rows", type=words, default=list(ROWS), help=f"some of {', '.join(ROWS)}")
    flag("--cases", default="", help="only those with this text in their title")
    flag("--peers", type=words, default=peers, help=f"some of {', '.join(peers)}")
    flag("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    flag("--load", type=int, default=0, help="busy processes during every case")
    flag("--windows", type=int, default=11, help="for each contender (default: %(default)s)")
    flag("--length", type=float, default=0.25, help="seconds a window (default: %(default)s)")
    flag("--rounds", type=int, default=3, help="of whole processes (default: %(default)s)")
    flag("--quick", action="store_true", help="check that everything runs; figures mean nothing")
    flag("--json", type=Path, help="write all figures to this file")
    flag("--markdown", action="store_true", help="print the tables in Markdown")
    arguments = parser.parse_args()
    for option, known in (("rows", ROWS), ("peers", rows.CONTENDERS)):
        for name in set(getattr(arguments, option)) - set(known):
            parser.error(f"--{option}: expected some of {', '.join(known)}, got {name!r}")
    if arguments.quick:
        arguments.windows, arguments.length, arguments.rounds = 2, 0.02, 1
    return arguments


def describe_run(arguments):
    cpu = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.partition(": ")[2] for line in lines if "model name" in line), cpu)
    return {
        "date": datetime.datetime.now().isoformat(" ", "minutes"),
        "machine": f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": arguments.threads,
        "busy processes added": arguments.load,
        "load average before": round(os.getloadavg()[0], 2),
        "images": "MNIST" if "MINIGRAD_DATA" in os.environ else "noise",
        "windows": f"{arguments.windows} of {arguments.length} s",
    }


# --- measuring -----------------------------------------------------------------------------------


def run_row(name, arguments):
    """Start the processes of a row and yield its results."""
    chosen = [name for name in rows.CONTENDERS if name.startswith(OURS) or name in arguments.peers]
    if name in whole.ROWS:
        yield from whole.ROWS[name][0](chosen, arguments)
        return
    cases = [case for case in rows.ROWS[name][0]() if arguments.cases in case.title]
    for threads, group in itertools.groupby(cases, lambda case: case.threads or arguments.threads):
        running = {}
        with contextlib.ExitStack() as stack:
            for case in group:
                contenders = [name for name in case.contenders if name in chosen]
                for contender in contenders:
                    if contender not in running:
                        module, variant = rows.CONTENDERS[contender]
                        number = 1 if contender == "minigrad 1 thread" else threads
                        running[contender] = Process(f"benchmarks.{module}", variant, number)
                        stack.callback(running[contender].stop)
                case = dataclasses.replace(case, load=case.load + arguments.load)
                print(f"  {name}: {case.title}", file=sys.stderr)
                able = {contender: running[contender] for contender in contenders}
                yield run_case(case, able, arguments.windows, arguments.length)


# --- printing ------------------------------------------------------------------------------------


def quantity(value, unit):
    if unit == "s":
        steps = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
        factor, unit = next((step for step in steps if value >= step[0]), steps[-1])
        value /= factor
    return f"{value:.3g} {unit}"


def quotients(result):
    """Return each contender's median ratio to minigrad."""
    ours = result.values.get(OURS, [])
    return {name: statistics.median(ratios(v, ours)) for name, v in result.values.items() if ours}


def table_line(result, contenders):
    """Return our median and quartiles, the fastest peer, and each contender's ratio to ours."""
    ours = result.values.get(OURS)
    if ours is None:
        return [result.title, "failed", "", *[""] * len(contenders)]
    low, middle, high = (quantity(value, result.unit) for value in quartiles(ours))
    peers = {n: statistics.median(v) for n, v in result.values.items() if n not in rows.NOT_PEERS}
    fastest = min(peers, key=peers.get, default="")
    line = [result.title, f"{middle} ({low} – {high})"]
    line.append(f"{fastest} {quantity(peers[fastest], result.unit)}" if peers else "")
    for name in contenders:
        cell = "failed" if name in result.failures else ""
        if name in result.values:
            low, middle, high = quartiles(ratios(result.values[name], ours))
            cell = f"{middle:.2f} ({low:.2f} – {high:.2f})"
        line.append(cell)
    return line


def mean_line(results, contenders):
    """Return the geometric means over the cases; first that of the fastest peer of each case."""
    found = collections.defaultdict(list)
    for result in results:
        peers = []
        for name, quotient in quotients(result).items():
            found[name].append(quotient)
            peers += [quotient] if name not in rows.NOT_PEERS else []
        found["fastest"] += [min(peers)] if peers else []
    columns = [found.get(name) for name in ("fastest", *contenders)]
    means = [f"{statistics.geometric_mean(column):.2f}" if column else "" for column in columns]
    return ["geometric mean", "", *means]


def print_table(row, results, markdown):
    named = {name for result in results for name in (*result.values, *result.failures)}
    contenders = [name for name in rows.CONTENDERS if name in named and name != OURS]
    lines = [[row, OURS, "fastest peer", *contenders]]
    lines += [table_line(result, contenders) for result in results]
    if len(results) > 1 and contenders and all(result.unit == "s" for result in results):
        lines.append(mean_line(results, contenders))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    print(f"\n{ROWS[row][1]} (goal: {ROWS[row][2]})\n")
    for line in lines:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print(f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip())
    print()
    print_notes(results)


def print_notes(results):
    """Print the measured way of each contender, and why some were not measured."""
    ways, failures = collections.Counter(), collections.defaultdict(list)
    for result in results:
        ways.update(f"{name}, {way}" for name, way in result.ways.items())
        for name, reason in result.failures.items():
            failures[f"{name} NOT MEASURED, {reason}"].append(result.title)
    for note, count in sorted(ways.items()):
        print(f"- {note} ({count} of {len(results)})")
    for note, titles in failures.items():
        print(f"- {note} ({'; '.join(titles)})")
    sys.stdout.flush()


def main():
    arguments = parse_arguments()
    about, everything = describe_run(arguments), {}
    print(*(f"- {key}: {value}" for key, value in about.items()), sep="\n", flush=True)
    for row in arguments.rows:
        everything[row] = list(run_row(row, arguments))
        if everything[row]:
            print_table(row, everything[row], arguments.markdown)
        if arguments.json:  # after each row, for runs that are interrupted
            kept = {row: list(map(dataclasses.asdict, found)) for row, found in everything.items()}
            arguments.json.write_text(json.dumps({**about, "rows": kept}, indent=1))
    if any(OURS in result.failures for found in everything.values() for result in found):
        sys.exit("minigrad itself failed")


if __name__ == "__main__":
    main()
