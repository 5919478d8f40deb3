"""Draw the pictures of the pages without building the site.

python docs/pictures                 draw all, write nothing: does each program run?
python docs/pictures --out FOLDER    write them, to be looked at
python docs/pictures surfaces rule=adam --out FOLDER    one of them
python docs/pictures --card          write the README's picture anew
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_extensions"))
import drawing


def main():
    """Draw what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="?", choices=drawing.programs(), metavar="NAME")
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="the folder to write into")
    parser.add_argument("--card", action="store_true", help="write the README's picture")
    parser.add_argument("--check", action="store_true", help="write nothing, as without --out")
    arguments = parser.parse_args()
    if arguments.card:
        data, words = drawing.card()
        (drawing.DOCS / "_static" / "card.png").write_bytes(data)
        (drawing.DOCS / "_static" / "card.txt").write_text("\n".join(words) + "\n", "utf-8")
        return
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
    for name in [arguments.name] if arguments.name else drawing.programs():
        given = [dict(pair.split("=") for pair in arguments.options)] if arguments.options else None
        for options in given or getattr(drawing.program(name), "OPTIONS", [{}]):
            for width, theme, drawn in drawing.drawings(name, **options):
                file = f"{drawing.stem(name, options)}-{width}" + (
                    f"-{theme}.png" if theme else ".svg"
                )
                data = drawn.encode() if isinstance(drawn, str) else drawn
                print(f"{file}  {len(data):,} bytes")
                if arguments.out is not None:
                    (arguments.out / file).write_bytes(data)


if __name__ == "__main__":
    main()
