"""Watch optimizers descend a surface: x**2 + y**2, or one of the classic hard ones.

    python examples/adam_on_a_surface.py
    python examples/adam_on_a_surface.py --objective ravine tilted_ravine --theme dark
    python examples/adam_on_a_surface.py --objective rosenbrock --animate rosenbrock.gif
    python examples/adam_on_a_surface.py --objective saddle --optimizers sgd adam lion --steps 50

All optimizers start at the same point; the gradients come from minigrad's autograd. A picture shows
the surface, its map, and the value after each step. Each objective has a file of its own.
"""

import argparse
import sys
from pathlib import Path

from minigrad import plots
from minigrad.command_line import count, give_up, new_parser, program
from minigrad.lab import RULES, SURFACES, Descent, Surface, race


def picture_file(text: str) -> Path:
    """Raise an error if the folder of the path does not exist."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder that exists, got {path.parent}")
    return path


def parse_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__)
    flag = parser.add_argument
    flag(
        "--objective",
        nargs="+",
        choices=SURFACES,
        default=["bowl"],
        metavar="NAME",
        help=f"one or more of {', '.join(SURFACES)} (default: bowl)",
    )
    flag(
        "--optimizers",
        nargs="+",
        default=list(RULES)[:6],
        metavar="NAME",
        help=f"some of {', '.join(RULES)} (default: the first six)",
    )
    flag("--steps", type=count, help="default: as many as the objective takes")
    flag("--learning-rate", type=float, help="one for all (default: a fitting one for each)")
    flag(
        "--output",
        type=picture_file,
        metavar="FILE",
        help="of one objective: .png, .svg, .pdf (default: paths_on_<objective>.png)",
    )
    flag("--animate", type=picture_file, metavar="FILE", help="write a .gif or .html as well")
    flag("--theme", choices=("light", "dark"), default="light", help="default: %(default)s")
    arguments = parser.parse_args()
    if len(arguments.objective) > 1 and (arguments.output or arguments.animate):
        parser.error("--output and --animate: expected one objective, got several")
    return arguments


def print_results(surface: Surface, paths: list[Descent]) -> None:
    x, y = surface.start
    print(f"{surface.title}, from ({x:.3g}, {y:.3g})\n  f(x, y) = {surface.formula}")
    print(f"{'':20}  steps           x           y   f(x, y)")
    for path in paths:
        x, y = path.positions[-1]
        steps = len(path.values) - 1
        print(f"{path.label:20}  {steps:5}  {x:10.3g}  {y:10.3g}  {path.values[-1]:8.2g}")


def main() -> None:
    arguments = parse_arguments()
    theme = arguments.theme
    try:
        for name in arguments.objective:
            surface = SURFACES[name]
            paths = race(surface, arguments.optimizers, arguments.steps, arguments.learning_rate)
            print_results(surface, paths)
            output = arguments.output or Path(f"paths_on_{name}.png")
            plots.save(plots.draw_descent(surface, paths, theme=theme), output)
            print(f"Picture: {output}")
            if arguments.animate:
                animation = plots.animate_descent(surface, paths, theme=theme)
                plots.save_animation(animation, arguments.animate)
                print(f"Animation: {arguments.animate}")
    except (ImportError, ValueError) as error:
        give_up(error)


if __name__ == "__main__":
    sys.exit(program(main))
