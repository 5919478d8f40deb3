"""Where scaling ends, on paper: compute, latency and bandwidth of a step on P ranks.

python -m benchmarks.ranks.model ranks.json --picture scaling.png

The file is that of ``python -m benchmarks.ranks --out ranks.json``, or of `benchmarks.ranks.link`.
A step of n weights and B samples takes

    c0 + c1 B / P + T(P, n)   seconds,

with c0 and c1 fitted to what ranks computed there. How fast the exchange was there, and how far the
sum is from the measured steps, is printed; over the links of `benchmarks.ranks.link` T is E L + D/W
for E exchanges and D bytes that cross. T is the exchange over another link, of latency L (s) and
bandwidth W (bytes/s), each way at once:

    slices (ours)   2 (P - 1) o + 2 L + 2 (P - 1)/P 4 n / W    all messages leave at once
    ring            2 (P - 1) L + 2 (P - 1)/P 4 n / W
    tree            2 log2(P) (L + 4 n / W)

where o is what a rank takes to send a message (OVERHEAD). R. Thakur, R. Rabenseifner and W. Gropp,
"Optimization of collective communication operations in MPICH", 2005. Ranks do not disturb each
other on the link; nothing overlaps.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np

OVERHEAD = 2e-6  # s for a message, of TCP through the kernel
LINKS = {"10 Gbit/s": (50e-6, 1.25e9), "100 Gbit/s": (10e-6, 1.25e10)}  # latency, bandwidth
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
SHOWN = (8, 64, 512)
BYTES = 4  # of a float32


def slices(ranks, weights, latency, bandwidth):
    """Alltoall, addition, Allgather: what `minigrad.distribution` does."""
    share = 2 * (ranks - 1) / ranks * BYTES * weights / bandwidth
    return (ranks > 1) * (2 * latency + 2 * (ranks - 1) * OVERHEAD + share)


def ring(ranks, weights, latency, bandwidth):
    share = 2 * (ranks - 1) / ranks * BYTES * weights / bandwidth
    return 2 * (ranks - 1) * latency + share


def tree(ranks, weights, latency, bandwidth):
    return 2 * math.log2(ranks) * (latency + BYTES * weights / bandwidth)


WAYS = {"slices": slices, "ring": ring, "tree": tree}


def crossing(ranks, sent):
    """Bytes that cross between two machines, one way, if each of the ranks sends so many."""
    here = ranks // 2  # and as many there, of ranks - 1 others
    return here * sent * here / (ranks - 1) if here else 0.0


def over_link(row):
    """Seconds of a step's exchanges over a link as MPI's own messages found it."""
    crossed = crossing(row["ranks"], row["bytes"])
    return row["exchanges"] * row["round_trip"] / 2 + crossed / row["bandwidth"]


def took(row):
    """Seconds of a step; of a slow link the mean, as what was waited is one."""
    return row.get("mean", row["seconds"])


class Network:
    """What a step computes, fitted to measured rows of one network.

    Parameters
    ----------
    rows : list of dict
        Of minigrad, as `benchmarks.ranks` writes them.
    """

    def __init__(self, rows):
        self.weights = rows[0]["weights"]
        busy = [took(row) - min(row["waited"], took(row)) for row in rows]
        samples = [row["batch"] / row["ranks"] for row in rows]
        terms = np.stack([np.ones(len(rows)), samples], axis=1)
        found, *_ = np.linalg.lstsq(terms, np.array(busy), rcond=None)
        self.fixed, self.each = np.maximum(found, 0).tolist()
        several = [row for row in rows if row["ranks"] > 1 and not row.get("link")]
        spent = sum(row["waited"] for row in several)
        self.bandwidth = sum(row["bytes"] for row in several) / spent if spent else math.inf

    def compute(self, ranks, batch):
        """Seconds that a rank computes in a step."""
        return self.fixed + self.each * batch / ranks

    def errors(self, rows):
        """For each measured row: how far the formula is from it, as a fraction."""
        found = []
        for row in rows:
            paper = self.compute(row["ranks"], row["batch"])
            paper += over_link(row) if row.get("link") else row["bytes"] / self.bandwidth
            found.append(paper / took(row) - 1)
        return found

    def speedup(self, ranks, batch, link, way):
        """How many times as fast as one rank."""
        latency, bandwidth = link
        step = self.compute(ranks, batch) + WAYS[way](ranks, self.weights, latency, bandwidth)
        return self.compute(1, batch) / step


def end_of_scaling(network, batch, link):
    """The most ranks that still are 1.5 times as fast as half of them; shards allow B ranks."""
    for ranks in RANKS[1:]:
        before, now = (network.speedup(p, batch, link, "slices") for p in (ranks // 2, ranks))
        if now < 1.5 * before or ranks > batch:
            return ranks // 2
    return RANKS[-1]


def print_network(name, network, rows):
    print(f"\n{name}: {network.weights:,} weights, {BYTES * network.weights / 1e6:.1f} MB a step")
    here = f"; exchange here {network.bandwidth / 1e6:.0f} MB/s"
    print(
        f"  compute {1e3 * network.fixed:.2f} ms + {1e3 * network.each:.3f} ms a sample"
        + here * math.isfinite(network.bandwidth)
    )
    for row, error in zip(rows, network.errors(rows), strict=True):
        measured = f"{row['mode']}, {row['ranks']} ranks, {row['batch']} samples"
        if link := row.get("link"):
            measured += f", {link['rate'] / 1e6:g} Mbit/s, {1e3 * link['delay']:g} ms"
            measured += f", {100 * link['loss']:g} % lost" * (link["loss"] > 0)
        print(f"  {measured}: {1e3 * took(row):.1f} ms, on paper {100 * error:+.0f} %")


def print_paper(name, network, batches):
    columns = [f"{way}, {ranks}" for ranks in SHOWN for way in WAYS]
    print(f"\n| {name}, samples | link | scaling ends at | {' | '.join(columns)} |")
    print("|---" * (3 + len(columns)) + "|")
    for batch in batches:
        for title, link in LINKS.items():
            cells = [
                f"{network.speedup(ranks, batch, link, way):.1f}" if ranks <= batch else "-"
                for ranks in SHOWN
                for way in WAYS
            ]
            end = end_of_scaling(network, batch, link)
            print(f"| {batch:,} | {title} | {end} ranks | {' | '.join(cells)} |")


def draw(networks, batches, path):
    """Draw the speedup over the ranks: a panel for each network, a line for each batch and link."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 3.8), layout="constrained")
    panels = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
    for axes, (name, network) in zip(panels, networks.items(), strict=True):
        axes.plot(RANKS, RANKS, color="#8c959f", linestyle=":", linewidth=1)
        for batch, color in zip(batches, ("#0072B2", "#D55E00", "#009E73"), strict=False):
            for (title, link), stroke in zip(LINKS.items(), ("--", "-"), strict=True):
                ranks = [p for p in RANKS if p <= batch]
                times = [network.speedup(p, batch, link, "slices") for p in ranks]
                label = f"{batch:,} samples, {title}"
                axes.plot(ranks, times, color=color, linestyle=stroke, label=label)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks([1, 8, 64, 512], ["1", "8", "64", "512"])
        axes.set_yticks([1, 8, 64, 512], ["1", "8", "64", "512"])
        axes.set_title(f"{name}, {network.weights / 1e6:.1f} M weights", fontsize=10)
        axes.set_xlabel("ranks")
    panels[0].set_ylabel("times as fast as one rank, on paper")
    panels[0].legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=150)
    print(f"Picture: {path}")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ranks.model", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("measured", help="the file of python -m benchmarks.ranks --out")
    parser.add_argument("--batches", default="128,1024,8192", help="samples of a step")
    parser.add_argument("--picture", help="a file to draw into")
    given = parser.parse_args()
    batches = [int(text) for text in given.batches.split(",")]
    measured = json.loads(Path(given.measured).read_text())
    networks = {}
    for name in dict.fromkeys(row["network"] for row in measured):
        rows = [r for r in measured if r["network"] == name and r["who"] == "minigrad"]
        fitted = [r for r in rows if r["ranks"] <= r.get("cores", r["ranks"])]
        networks[name] = Network(fitted)
        print_network(name, networks[name], fitted)
        if len(fitted) < len(rows):
            print("  Left out: more ranks than cores, which wait for each other's turn.")
        print_paper(name, networks[name], batches)
    if given.picture:
        draw(networks, batches, given.picture)


if __name__ == "__main__":
    main()
