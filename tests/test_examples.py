"""The examples as a user starts them: in a new process, with shortened runs."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad
from minigrad.lab import SURFACES, Comparison, Sweep, TunedComparison
from minigrad.optimizers import OPTIMIZERS

EXAMPLES = Path(__file__).parent.parent / "examples"
README = EXAMPLES.parent / "README.md"


def start_python(*arguments, folder, **environment):
    """Start Python in an empty folder and home, offline: MNIST cannot be found."""
    inherited = {name: value for name, value in os.environ.items() if name != "MINIGRAD_DATA"}
    # A job in the background ignores Ctrl-C, and its child processes inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env={
                **inherited,
                "HOME": str(folder),
                "XDG_CACHE_HOME": str(folder / "cache"),
                "KERAS_HOME": str(folder / "keras"),
                "PYTHONPATH": str(Path(minigrad.__file__).parent.parent),
                "PYTHONIOENCODING": "utf-8",
                "MINIGRAD_OFFLINE": "1",
                "MINIGRAD_NUM_THREADS": "1",  # so little work is slower with threads
                "OPENBLAS_NUM_THREADS": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    finally:
        signal.signal(signal.SIGINT, before)


def run_python(*arguments, folder, **environment):
    """Run Python to its end; return its exit status and what it printed."""
    with start_python(*arguments, folder=folder, **environment) as process:
        output, errors = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def run_mnist_cnn(folder, *flags, **environment):
    short = ("--epochs", "1", "--limit", "300", *flags)
    return run_python(EXAMPLES / "mnist_cnn.py", *short, folder=folder, **environment)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Run the main job once, without MNIST, matplotlib or a terminal; save the weights."""
    folder = tmp_path_factory.mktemp("training")
    # A module of that name that cannot be imported simulates a missing matplotlib.
    (folder / "matplotlib.py").write_text("raise ImportError('not installed')\n")
    path = os.pathsep.join([str(folder), str(Path(minigrad.__file__).parent.parent)])
    run = run_mnist_cnn(folder, "--save", "weights.npz", PYTHONPATH=path)
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


@pytest.fixture(scope="module")
def training_on_threads(tmp_path_factory):
    """Run the same on three threads, silently, with a picture where matplotlib is installed."""
    folder = tmp_path_factory.mktemp("training_on_threads")
    run = run_mnist_cnn(folder, "--threads", "3", "--verbose", "0")
    assert run.returncode == 0, run.stderr
    return folder, run.stdout


def weights_hash(output):
    return re.search(r"^Weights' hash: ([0-9a-f]{16})$", output, re.MULTILINE)[1]


def test_mnist_cnn_prints_its_summary_progress_and_result(training):
    _, output = training
    mistake = r"  test digit \d+: a \d, read as \d \(\d+\.\d % sure\)"
    assert "Trainable params: 693,962" in output
    assert re.search(r"5/5 - .* - accuracy: .* - loss: .* - val_accuracy: .* - val_loss: ", output)
    assert re.search(r"^Test accuracy: \d+\.\d\d %, on ", output, re.MULTILINE)
    assert re.search(rf"^{mistake}$", output, re.MULTILINE)
    assert weights_hash(output)


def test_mnist_cnn_says_loudly_that_it_has_no_mnist(training):
    _, output = training
    assert "NOT MNIST" in output
    accuracy = next(line for line in output.splitlines() if line.startswith("Test accuracy"))
    assert "NOT MNIST" in accuracy


def test_mnist_cnn_saves_the_weights_that_it_trained(training):
    folder, output = training
    assert "weights.npz" in output
    assert (folder / "weights.npz").exists()


def test_mnist_cnn_without_matplotlib_says_how_to_get_the_picture(training):
    folder, output = training
    assert "pip install matplotlib" in output
    assert not list(folder.glob("*.png"))


def test_mnist_cnn_writes_plain_lines_into_a_file(training):
    _, output = training
    assert "\x1b" not in output
    assert "\r" not in output
    assert "\b" not in output


def test_mnist_cnn_learns_the_same_whatever_the_number_of_threads(training, training_on_threads):
    assert weights_hash(training_on_threads[1]) == weights_hash(training[1])


def test_mnist_cnn_draws_a_picture(training_on_threads):
    pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")
    folder, output = training_on_threads
    name = "synthetic_cnn_adam.png"  # what it shows, and by which rule
    assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert f"Picture: {name}" in output


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_mnist_cnn_keeps_what_it_learned_until_ctrl_c(tmp_path):
    flags = ("--epochs", "1000", "--limit", "300", "--save", "weights.npz")
    script = EXAMPLES / "mnist_cnn.py"
    with start_python("-u", script, *flags, folder=tmp_path, MPLBACKEND="Agg") as process:
        for line in process.stdout:
            if line.startswith("Epoch 3/"):
                process.send_signal(signal.SIGINT)
                break
        output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert "Interrupted" in output
    assert "Test accuracy" in output
    assert (tmp_path / "weights.npz").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--optimizer", "adan"), "adam"),
        (("--learning-rate", "-1"), "learning_rate"),
        (("--epochs", "0"), "expected a whole number of at least 1, got 0"),
        (("--save", "weights.pickle"), "expected a name in .npz or .weights.h5"),
        (("--save", "nowhere/weights.npz"), "expected a folder that exists"),
        (("--data", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_mnist_cnn_explains_a_wrong_flag(tmp_path, flags, message):
    run = run_mnist_cnn(tmp_path, *flags)
    assert run.returncode != 0
    assert message in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr


NAMES = [path.stem for path in sorted(EXAMPLES.glob("*.py"))]


@pytest.mark.parametrize("name", NAMES)
def test_examples_explain_themselves_where_docstrings_are_stripped(tmp_path, name):
    """And do nothing else: no training, no file."""
    run = run_python("-OO", EXAMPLES / f"{name}.py", "--help", folder=tmp_path, COLUMNS="80")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("usage: ")
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert "epoch 1" not in run.stdout and "step  50" not in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_examples_refuse_flags_that_they_do_not_know(tmp_path, name):
    run = run_python(EXAMPLES / f"{name}.py", "--epoch-count", "3", folder=tmp_path)
    assert run.returncode == 2
    assert "unrecognized arguments: --epoch-count 3" in run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no `head`")
@pytest.mark.parametrize(
    ("name", "flags"),
    [("mnist_cnn", ("--epochs", "1", "--limit", "300")), ("train_by_hand", ()),
     ("write_your_own_op", ())],
)  # fmt: skip
def test_a_reader_that_has_enough_ends_examples_quietly(tmp_path, name, flags):
    process = start_python("-u", EXAMPLES / f"{name}.py", *flags, folder=tmp_path)
    with process:
        assert process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert "Traceback" not in errors and "BrokenPipe" not in errors
    assert process.returncode in (0, 141)


@pytest.mark.parametrize("name", ["mnist_cnn", "compare_optimizers"])
def test_more_threads_than_there_can_be_are_an_error(tmp_path, name):
    run = run_python(EXAMPLES / f"{name}.py", "--threads", "1000", folder=tmp_path)
    assert run.returncode == 2
    assert "--threads: expected a whole number from 1 to 256, got 1000" in run.stderr


def on_a_terminal(folder, *arguments, columns=80):
    """Run Python on a terminal of that width; return what it shows, without frames drawn over."""
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "MINIGRAD_OFFLINE": "1", "HOME": str(folder),
                   "PYTHONPATH": str(Path(minigrad.__file__).parent.parent)}  # fmt: skip
    for name in ("COLUMNS", "LINES", "MINIGRAD_DATA", "NO_COLOR"):
        environment.pop(name, None)
    command = [sys.executable, *map(str, arguments)]
    shown = b""
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(command, cwd=folder, env=environment, **streams):
        os.close(theirs)
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux's way to say that all is read
                part = b""
            if not part:
                break
            shown += part
    os.close(ours)
    text = re.sub(r"\x1b\[\d+m", "", shown.decode()).replace("\r\n", "\n")
    return [line.rpartition("\r")[2] for line in text.splitlines()]


@pytest.mark.parametrize("columns", [60, 80])
def test_lines_of_mnist_cnn_fit_the_terminal(tmp_path, columns):
    flags = ("--epochs", "2", "--limit", "300", "--threads", "1")
    lines = on_a_terminal(tmp_path, EXAMPLES / "mnist_cnn.py", *flags, columns=columns)
    begin = next(i for i, line in enumerate(lines) if line.startswith("Training on"))
    own = [line for line in lines[begin:] if not set(line) & set("┃│┏├└┡")]  # not the summary
    assert max(map(len, own)) <= columns
    assert any(re.match(r"5/5 ━+ .* - accuracy: \d\.\d{4}", line) for line in own)
    assert any(re.match(r"    - \w+: \d\.\d{4} - \w+: \d\.\d{4}$", line) for line in own)


@pytest.mark.parametrize("flags", [(), ("--optimizer", "adan")])
def test_errors_and_long_lines_end_between_words(tmp_path, flags):
    name = "mnist_cnn" if flags else "write_your_own_op"
    lines = on_a_terminal(tmp_path, EXAMPLES / f"{name}.py", *flags, columns=80)
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  ") for line in lines[1:])


# --- compare_optimizers.py -----------------------------------------------------------------------


def run_compare_optimizers(folder, *flags, **environment):
    short = ("--epochs", "1", "--limit", "120", "--seeds", "0", *flags)
    return run_python(EXAMPLES / "compare_optimizers.py", *short, folder=folder, **environment)


def test_compare_optimizers_prints_its_figures_beside_the_notebooks(tmp_path):
    run = run_compare_optimizers(tmp_path, "--seeds", "0", "1", "--output", "three")
    assert run.returncode == 0, run.stderr
    assert "three.json, three.csv, three.txt" in run.stdout
    tables = (tmp_path / "three.txt").read_text(encoding="utf-8")
    assert tables in run.stdout
    assert max(map(len, tables.splitlines())) <= 80
    assert "ours: 120 samples of synthetic digits (NOT MNIST); notebook: 60000 of MNIST" in tables
    assert tables.count("NOT COMPARABLE with the notebook: 120 samples of synthetic") == 2
    notebook = {"val_accuracy": (0.8356, 0.9725, 0.9142), "val_loss": (0.7740, 0.0852, 0.3072)}
    for name, (adagrad, adam, sgd) in notebook.items():
        table = tables[tables.index(f"{name} after each epoch, beside") :]
        figure = r" +\d\.\d{4} +"
        row = f"^ +1{figure}{adagrad:.4f}{figure}{adam:.4f}{figure}{sgd:.4f}$"
        assert re.search(row, table, re.MULTILINE)
    comparison = Comparison.load(tmp_path / "three.json")
    assert str(comparison) in tables
    assert comparison.labels == ["Adagrad", "Adam", "SGD"]
    assert {run.outcome for run in comparison.runs} == {"finished"}


def test_compare_optimizers_draws_a_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")
    run = run_compare_optimizers(tmp_path, "--all")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "compare_optimizers.png").read_bytes().startswith(b"\x89PNG")
    comparison = Comparison.load(tmp_path / "compare_optimizers.json")
    assert len(comparison.labels) == len(OPTIMIZERS.members)


def test_compare_optimizers_tunes_all_rates_alike(tmp_path):
    run = run_compare_optimizers(tmp_path, "--tuned", "--limit", "60")
    assert run.returncode == 0, run.stderr
    assert "9 rates from 0.0001 to 1" in run.stdout
    assert "judged by the accuracy on 10 held-out samples" in run.stdout
    assert len(TunedComparison.load(tmp_path / "tuned_optimizers.json").rates) == 3


def test_compare_optimizers_warns_in_the_title_of_other_data(monkeypatch):
    pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import compare_optimizers

    result = Comparison.load(EXAMPLES / "results" / "compare_optimizers.json")
    title = compare_optimizers.draw(result).get_suptitle()
    assert title == "Keras's defaults, 60000 digits of MNIST"
    result.samples = 600
    title = compare_optimizers.draw(result).get_suptitle()
    assert title == "Keras's defaults, NOT COMPARABLE with the notebook: 600 samples of MNIST"


def test_compare_optimizers_without_matplotlib_keeps_the_numbers_of_a_sweep(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not installed')\n")
    path = os.pathsep.join([str(tmp_path), str(Path(minigrad.__file__).parent.parent)])
    run = run_compare_optimizers(tmp_path, "--sweep", PYTHONPATH=path)
    assert run.returncode == 0, run.stderr
    assert "pip install matplotlib" in run.stdout
    assert len(Sweep.load(tmp_path / "learning_rates.json").learning_rates) == 9


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_compare_optimizers_keeps_what_it_did_until_ctrl_c(tmp_path):
    flags = ("--epochs", "2", "--limit", "120", "--seeds", *range(1000))
    script = EXAMPLES / "compare_optimizers.py"
    with start_python("-u", script, *flags, folder=tmp_path) as process:
        for line in process.stdout:
            if line.startswith("SGD, lr 0.01, seed 0:"):
                process.send_signal(signal.SIGINT)
                break
        output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert "Interrupted" in output
    runs = Comparison.load(tmp_path / "compare_optimizers.json").runs
    assert [run.optimizer for run in runs[:3]] == ["Adagrad", "Adam", "SGD"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--output", "nowhere/name"), "expected a folder that exists, got nowhere"),
        (("--seeds", "-1"), "expected a seed from 0"),
        (("--data", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_compare_optimizers_explains_a_wrong_flag(tmp_path, flags, message):
    run = run_compare_optimizers(tmp_path, *flags)
    assert run.returncode != 0
    assert message in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr


# --- the others ----------------------------------------------------------------------------------


def test_train_by_hand_learns_the_spirals(tmp_path):
    run = run_python(EXAMPLES / "train_by_hand.py", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    last = re.findall(r"^step +\d+ +loss \d\.\d+ +accuracy (\d\.\d+)$", run.stdout, re.MULTILINE)
    assert float(last[-1]) > 0.95


def test_residual_network_learns_with_shortcuts_and_not_without(tmp_path):
    script = EXAMPLES / "residual_network.py"
    run = run_python(script, "--digits", "1000", "--epochs", "2", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    residual, plain = run.stdout.split("plain: 22 layers, 15,690 parameters")
    assert "residual: 22 layers, 15,690 parameters" in residual
    accuracies = [float(part.split("test accuracy ")[-1].split()[0]) for part in (residual, plain)]
    assert accuracies[0] > 0.5 > 0.2 > accuracies[1]


def test_two_inputs_learns_both_outputs(tmp_path):
    script = EXAMPLES / "two_inputs.py"
    run = run_python(script, "--pairs", "3000", "--epochs", "4", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "Total params: 20,770" in run.stdout
    assert float(re.search(r"sum is wrong by (\S+)", run.stdout)[1]) < 3
    assert float(re.search(r"is found in (\S+)%", run.stdout)[1]) > 70
    assert len(re.findall(r"read as .* sure$", run.stdout, re.MULTILINE)) == 5


def test_save_and_resume_goes_on_with_the_same_bits(tmp_path):
    script = EXAMPLES / "save_and_resume.py"
    run = run_python(script, "--images", "640", "--epochs", "2", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    lines = r"^(at one go|interrupted|and gone on with|from a file): +([0-9a-f]{16})"
    hashes = dict(re.findall(lines, run.stdout, re.MULTILINE))
    assert len(hashes) == 4
    assert hashes.pop("interrupted") != hashes["at one go"]
    assert len(set(hashes.values())) == 1


def test_variational_autoencoder_learns_and_draws(tmp_path):
    script = EXAMPLES / "variational_autoencoder.py"
    run = run_python(script, "--digits", "1000", "--epochs", "6", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    losses = re.findall(r"reconstruction_loss (\S+)$", run.stdout, re.MULTILINE)
    assert float(losses[-1]) < 0.8 * float(losses[0])
    drawing = run.stdout.splitlines()[len(losses) :]
    assert len(drawing) == 3 * 14
    assert max(map(len, drawing)) > 50
    assert set("".join(drawing)) >= set(" .:-=+*")


def test_write_your_own_op_checks_it_and_learns_the_wave(tmp_path):
    run = run_python(EXAMPLES / "write_your_own_op.py", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "the gradient of sin is right" in run.stdout
    assert "a wrong one is found" in run.stdout
    assert "the wave is 1.50 sin(2.00 x + 0.5" in run.stdout  # the noise moves the phase a little


def test_write_your_own_layer_checks_it_and_reads_dark_digits(tmp_path):
    run = run_python(EXAMPLES / "write_your_own_layer.py", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "the gradients of LayerNormalization are right" in run.stdout
    dark = dict(
        re.findall(r"^(with\S*) it +contrast 0.1 +accuracy (\S+)$", run.stdout, re.MULTILINE)
    )
    assert float(dark["with"]) > 0.7 > 0.5 > float(dark["without"])


def test_write_your_own_optimizer_checks_it_and_arrives_first(tmp_path):
    run = run_python(EXAMPLES / "write_your_own_optimizer.py", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "AdaBelief's steps are those of its formulas" in run.stdout
    arrivals = dict(re.findall(r"^(\w+) +below 0.001 after (\d+) steps", run.stdout, re.MULTILINE))
    assert int(arrivals["AdaBelief"]) < int(arrivals["Adam"])


def run_surface(folder, *flags):
    return run_python(EXAMPLES / "adam_on_a_surface.py", *flags, folder=folder)


def test_adam_on_a_surface_prints_a_table_and_draws(tmp_path):
    pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")
    run = run_surface(tmp_path)
    assert run.returncode == 0, run.stderr
    assert "Bowl, from (-0.9, 0.5)\n  f(x, y) = x² + y²\n" in run.stdout
    rows = re.findall(r"^(\w+), lr [\d.]+ +60 .* (\S+)$", run.stdout, re.MULTILINE)
    assert [name for name, _ in rows] == [
        "SGD",
        "momentum",
        "Nesterov",
        "Adagrad",
        "RMSprop",
        "Adam",
    ]
    assert all(float(value) < 0.01 for _, value in rows)
    assert "Picture: paths_on_bowl.png" in run.stdout
    assert (tmp_path / "paths_on_bowl.png").read_bytes().startswith(b"\x89PNG")


def test_adam_on_a_surface_writes_a_file_for_each_surface_and_fits_80_columns(tmp_path):
    pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")
    run = run_surface(tmp_path, "--objective", *SURFACES, "--optimizers", "adam", "--steps", "2")
    assert run.returncode == 0, run.stderr
    assert max(map(len, run.stdout.splitlines())) <= 80
    files = {path.name for path in tmp_path.glob("*.png")}
    assert files == {f"paths_on_{name}.png" for name in SURFACES}


def test_adam_on_a_surface_follows_its_flags(tmp_path):
    pytest.importorskip("matplotlib", reason="pip install matplotlib draws pictures")
    chosen = ("--objective", "saddle", "--optimizers", "lion", "adam", "--steps", "7")
    files = ("--output", "saddle.svg", "--animate", "saddle.gif")
    run = run_surface(tmp_path, *chosen, "--learning-rate", "0.25", *files)
    assert run.returncode == 0, run.stderr
    assert re.search(r"^Lion, lr 0.25 +7 ", run.stdout, re.MULTILINE)
    assert re.search(r"^Adam, lr 0.25 +7 ", run.stdout, re.MULTILINE)
    assert b"<svg" in (tmp_path / "saddle.svg").read_bytes()
    assert (tmp_path / "saddle.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--optimizers", "adan"), "did you mean 'Adam'"),
        (("--objective", "bowls"), "invalid choice: 'bowls'"),
        (("--learning-rate", "-1"), "learning_rate"),
        (("--steps", "0"), "expected a whole number of at least 1, got 0"),
        (("--output", "nowhere/picture.png"), "expected a folder that exists"),
        (("--objective", "bowl", "ravine", "--output", "a.png"), "expected one objective"),
    ],
)
def test_adam_on_a_surface_explains_a_wrong_flag(tmp_path, flags, message):
    run = run_surface(tmp_path, *flags)
    assert run.returncode != 0
    assert message in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr


def test_adam_on_a_surface_without_matplotlib_says_how_to_get_it(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not installed')\n")
    path = os.pathsep.join([str(tmp_path), str(Path(minigrad.__file__).parent.parent)])
    script = EXAMPLES / "adam_on_a_surface.py"
    run = run_python(script, folder=tmp_path, PYTHONPATH=path)
    assert run.returncode != 0
    assert "Adam, lr 0.1" in run.stdout
    assert "pip install matplotlib" in run.stderr
    assert "Traceback" not in run.stderr


def test_example_in_the_readme_runs(tmp_path):
    if not README.exists():
        pytest.skip("the README is not here")
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "readme.py").write_text(code, encoding="utf-8")
    run = run_python("readme.py", folder=tmp_path)
    assert run.returncode == 0, run.stderr
