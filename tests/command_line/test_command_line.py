"""The command ``minigrad``, as users type it: what it prints, where, and how it ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad import Sequential, command_line, kernels, layers
from minigrad.command_line import main, make_parser
from minigrad.command_line.models import as_inputs, border_of, image_shape, in_words, load_data
from minigrad.command_line.networks import make_network

ROOT = Path(minigrad.__file__).parent.parent
COMMANDS = ("info", "train", "evaluate", "predict", "export", "bench")


def run(*arguments, pipe=None, **environment):
    """Run ``python -m minigrad`` in a process of its own, 80 columns wide."""
    command = [sys.executable, "-m", "minigrad", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **environment}
    environment.pop("PYTHONUNBUFFERED", None)  # the output then waits for a flush
    if pipe:
        command = ["bash", "-o", "pipefail", "-c", f'"$@" | {pipe}', "bash", *command]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def said(capsys, *arguments):
    """Run a command in this process; return its status and what it printed."""
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A file of a model that knows synthetic digits, and what training it printed."""
    path = tmp_path_factory.mktemp("trained") / "digits.keras"
    flags = ("--data", "synthetic_digits", "--limit", "2000", "--epochs", "2", "--network", "mlp")
    result = run("train", *flags, path)
    assert result.returncode == 0, result.stderr
    return path, result.stdout


# --- help, and what goes wrong -------------------------------------------------------------------


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_80_columns(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        main([*([command] if command else []), "--help"])
    text, errors = capsys.readouterr()
    assert end.value.code == 0 and errors == ""
    assert max(map(len, text.splitlines())) <= 80
    assert all(name in text for name in (COMMANDS if command is None else ("usage: minigrad",)))


HEAVY = """
import sys
from minigrad.command_line import main
try:
    main(["train", "--help"])
except SystemExit:
    loaded = {name for name in sys.modules if name.startswith("minigrad.")}
    print(*sorted(loaded & {"minigrad.layers", "minigrad.models", "minigrad.datasets"}))
"""


def test_help_imports_no_models(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HEAVY]
    printed = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert printed.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["tain"], "invalid choice: 'tain'"),
        (["train"], "the following arguments are required: model"),
        (["train", "--epochs", "0", "x.keras"], "argument --epochs: expected a whole number of at"),
        (["train", "--epochs", "2.5", "x.keras"], "expected a whole number of at least 1, got 2.5"),
        (["train", "--learning-rate", "-1", "x.keras"], "expected a number above 0, got -1"),
        (["train", "--learning-rate", "nan", "x.keras"], "expected a number above 0, got nan"),
        (["train", "--network", "resnet", "x.keras"], "invalid choice: 'resnet'"),
        (["evaluate", "--data", "svhn", "x.keras"], "invalid choice: 'svhn'"),
        (["predict", "x.keras"], "the following arguments are required: picture"),
        (["train", "--threads", "1000", "x.keras"], "expected a whole number from 1 to 256, got 1"),
    ],
)
def test_wrong_arguments_end_with_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    text, errors = capsys.readouterr()
    assert end.value.code == 2 and text == ""
    assert message in " ".join(errors.split())  # lines end between words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digits.npz"], "train: expected a file name in .keras, got digits.npz"),
        (["train", "no/x.keras"], "train: expected a folder that exists, got no"),
        (["train", "folder.keras"], "train: expected a file that can be written, got folder.keras"),
        (["train", "there.keras"], "there.keras is there already; take another name, or add --ove"),
        (["train", "--data", "synthetic_digits", "--limit", "9", "--optimizer", "adamm", "x.keras"],
         "train: optimizer: expected a known name, got 'adamm'; did you mean"),
        (["train", "x.keras"], "--data synthetic_digits"),
        (["evaluate", "none.keras"], "evaluate: load: expected a file, got none at none.keras"),
        (["evaluate", "there.keras"], "evaluate: load: expected an intact .keras file"),
        (["predict", "table.keras", "x.png"], "expected a model of images, got inputs of shape (N"),
        (["export", "table.keras", "x.pb"], "export: expected a file name in .onnx, got x.pb"),
    ],
)  # fmt: skip
def test_mistakes_end_with_1_and_a_line(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    for name in ("MINIGRAD_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("MINIGRAD_OFFLINE", "1")
    Path("folder.keras").mkdir()
    Path("there.keras").write_text("no model")
    Sequential([layers.Input((5,)), layers.Dense(2)]).save("table.keras")
    make_network("linear", (8, 8, 1), 3).save("images.keras")
    status, text, errors = said(capsys, *arguments)
    assert status == 1 and text == ""
    assert errors.startswith("minigrad: ") and message in errors and "Traceback" not in errors


def test_missing_libraries_say_how_to_install_them(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    make_network("linear", (8, 8, 1), 3).save(tmp_path / "m.keras")
    status, _, errors = said(capsys, "predict", tmp_path / "m.keras", "x.png")
    assert status == 1 and "Pillow; pip install" in errors


def test_a_fault_of_minigrads_own_keeps_its_traceback(capsys, monkeypatch):
    def fail(given):
        raise ZeroDivisionError

    monkeypatch.setattr("minigrad.command_line.info.info", fail)
    with pytest.raises(ZeroDivisionError):
        main(["info"])


def test_warnings_are_lines_too(capsys, monkeypatch):
    def warn(given):
        import warnings

        warnings.simplefilter("always")
        warnings.warn("take care", stacklevel=1)

    monkeypatch.setattr("minigrad.command_line.info.info", warn)
    assert said(capsys, "info") == (0, "", "minigrad: warning: take care\n")


def test_ctrl_c_ends_with_130(capsys, monkeypatch):
    def interrupt(given):
        raise KeyboardInterrupt

    monkeypatch.setattr("minigrad.command_line.info.info", interrupt)
    assert said(capsys, "info") == (130, "", "minigrad: interrupted\n")


@pytest.mark.parametrize("arguments", [["--help"], ["info"], ["train", "--help"]])
def test_a_reader_that_has_enough_ends_it_quietly(arguments):
    result = run(*arguments, pipe="true")
    assert result.stderr == "" and result.returncode in (0, 141)


def test_closed_output_ends_with_141():
    networks = ("--networks", "linear", "linear", "linear")  # a line, and a flush, for each
    slow = run("bench", *networks, "--seconds", "0.2", pipe="head -1")
    assert slow.stderr == "" and slow.returncode == 141


# --- the commands --------------------------------------------------------------------------------


def test_info_tells_versions_kernels_and_variables(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("MINIGRAD_DATA", "/data")
    status, text, errors = said(capsys, "info")
    assert status == 0 and errors == ""
    assert max(map(len, text.splitlines())) <= 80 or str(ROOT) in text
    facts = dict(re.findall(r"^(\w+) +(.*(?:\n .*)*)", text, re.MULTILINE))
    assert facts["minigrad"].startswith(minigrad.__version__)
    assert facts["NumPy"] == np.__version__
    assert facts["kernels"].startswith(kernels.kind)
    assert facts["threads"] == str(minigrad.get_num_threads())
    assert "MINIGRAD_DATA=/data" in facts["variables"]
    assert {*facts} == {
        "minigrad", "Python", "NumPy", "system", "processor", "kernels", "threads", "build",
        "libraries", "without", "variables",
    }  # fmt: skip


def test_info_of_the_reference_kernels():
    result = run("info", MINIGRAD_KERNELS="reference")
    assert result.returncode == 0 and "reference: NumPy in place of compiled code" in result.stdout
    assert "engine: plain Python" in result.stdout


def test_version_is_the_packages(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"minigrad {minigrad.__version__}\n"


def test_train_saves_a_model_that_knows_digits(trained):
    path, text = trained
    assert "mlp, 669,706 weights, trains on 2,000 images of synthetic_digits" in text
    assert f"Saved: {path}, {path.stat().st_size:,} bytes" in text
    accuracy = float(re.search(r"Test on 2,000 images.*accuracy ([\d.]+)$", text)[1])
    assert accuracy > 0.7
    assert all(len(line) <= 80 or str(path) in line for line in text.splitlines())


def test_evaluate_repeats_what_train_measured(trained, capsys):
    path, text = trained
    flags = ("--data", "synthetic_digits", "--limit", "2000")
    status, measured, _ = said(capsys, "evaluate", *flags, path)
    assert status == 0 and measured == text.splitlines(keepends=True)[-1]
    _, otherwise, _ = said(capsys, "evaluate", *flags, "--scale", "1", path)
    assert otherwise != measured


def test_evaluate_refuses_images_of_another_shape(trained, capsys, monkeypatch):
    pixels = np.zeros((2, 32, 32, 3), np.uint8), np.zeros((2, 1))
    monkeypatch.setattr("minigrad.datasets.cifar10.load_data", lambda: (pixels, pixels))
    status, _, errors = said(capsys, "evaluate", "--data", "cifar10", trained[0])
    expected = "evaluate: expected images (28, 28, 1), as the model's inputs, got cifar10, images ("
    assert status == 1 and expected in errors


def test_models_that_are_not_compiled_are_measured_too(capsys, tmp_path):
    model = make_network("linear", (28, 28, 1), 10)
    model.compile()
    Sequential.from_config(model.get_config()).save(tmp_path / "m.keras")
    flags = ("--data", "synthetic_digits", "--limit", "50")
    status, text, _ = said(capsys, "evaluate", *flags, tmp_path / "m.keras")
    assert status == 0
    assert re.fullmatch(r"Test on 50 images of synthetic_digits: accuracy 0\.\d+\n", text)


def test_same_seed_same_file_of_weights(tmp_path, capsys):
    flags = ("--data", "synthetic_digits", "--limit", "60", "--network", "linear", "--quiet")
    texts = []
    for name in ("a", "b"):
        texts.append(said(capsys, "train", *flags, tmp_path / f"{name}.keras")[1])
        assert len(texts[-1].splitlines()) == 2
    assert said(capsys, "train", *flags, "--overwrite", tmp_path / "b.keras")[0] == 0
    hashes = {minigrad.models.load_model(tmp_path / f"{n}.keras").weights_hash() for n in "ab"}
    assert len(hashes) == 1


def test_interrupted_training_saves_what_it_learned(tmp_path, capsys, monkeypatch):
    def interrupt(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("minigrad.models.Model.fit", interrupt)
    flags = ("--data", "synthetic_digits", "--limit", "60", "--network", "linear")
    status, text, errors = said(capsys, "train", *flags, tmp_path / "m.keras")
    assert status == 130 and errors == "minigrad: interrupted\n"
    assert f"What it learned so far is in {tmp_path / 'm.keras'}." in text
    assert minigrad.models.load_model(tmp_path / "m.keras").count_params() == 7850


def test_predict_names_the_digit_of_a_picture(trained, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    path, _ = trained
    _, (pixels, _labels) = load_data("synthetic_digits", 20)
    answers = minigrad.models.load_model(path).predict(pixels, verbose=0)
    best = int(answers.max(axis=-1).argmax())  # the one that it is surest of
    digit = answers[best].argmax()
    light, dark = tmp_path / "light.png", tmp_path / "dark.png"
    one = (pixels[best, :, :, 0] * 255).astype("uint8")
    image.fromarray(one).save(light)
    image.fromarray(255 - one).resize((56, 56), 0).convert("RGB").save(dark)
    status, text, errors = said(capsys, "predict", path, light)
    assert status == 0 and errors == ""
    assert re.fullmatch(rf"{light}: {digit} \([\d.]+ %\), then \d \(.*%\), \d \(.*%\)\n", text)
    _, text, errors = said(capsys, "predict", path, dark)
    assert f"minigrad: {dark}: its border is light" in errors and "--invert" in errors
    _, text, errors = said(capsys, "predict", "--invert", path, dark)
    assert text.startswith(f"{dark}: {digit} (") and errors == ""


def test_predict_reads_pictures_of_16_bits_and_transparent_ones(trained, tmp_path, capsys):
    """The same digit as 8 bits, as 16, and drawn in black on nothing: all pixels black."""
    image = pytest.importorskip("PIL.Image")
    path, _ = trained
    _, (pixels, _labels) = load_data("synthetic_digits", 1)
    one = (pixels[0, :, :, 0] * 255).astype("uint8")
    image.fromarray(one).save(tmp_path / "8.png")
    image.fromarray(one.astype("uint16") * 257).save(tmp_path / "16.png")
    drawn = image.new("RGBA", (28, 28))
    drawn.putalpha(image.fromarray(one))
    drawn.save(tmp_path / "drawn.png")
    names = tmp_path / "8.png", tmp_path / "16.png"
    answers = [said(capsys, "predict", path, name)[1].partition(":")[2] for name in names]
    answers.append(said(capsys, "predict", "--invert", path, tmp_path / "drawn.png")[1])
    assert answers[0] == answers[1] == answers[2].partition(":")[2]


def test_predict_tells_which_picture_is_none(tmp_path, capsys):
    pytest.importorskip("PIL")
    make_network("linear", (8, 8, 1), 3).save(tmp_path / "m.keras")
    (tmp_path / "x.png").write_text("no picture")
    for name, message in (
        ("x.png", "x.png: cannot identify image file in it"),
        ("y.png", "No such fi"),
    ):
        status, text, errors = said(capsys, "predict", tmp_path / "m.keras", tmp_path / name)
        assert status == 1 and text == "" and message in errors and name in errors


def test_export_calls_the_models_export(trained, tmp_path, capsys, monkeypatch):
    def export(self, path, format):
        Path(path).write_text(format)

    monkeypatch.setattr("minigrad.models.Model.export", export, raising=False)
    target = tmp_path / "digits.onnx"
    status, text, _ = said(capsys, "export", trained[0], target)
    assert status == 0 and text == f"Exported: {target}, 4 bytes\n"
    assert target.read_text() == "onnx"

    def lack(self, path, format):
        raise ImportError("export: pip install onnx")

    monkeypatch.setattr("minigrad.models.Model.export", lack)
    assert said(capsys, "export", trained[0], target)[::2] == (
        1, "minigrad: export: export: pip install onnx\n"
    )  # fmt: skip


def test_bench_prints_a_line_for_each_network(capsys):
    flags = ("--networks", "linear", "mlp", "--seconds", "0.001", "--batch-size", "8")
    status, text, _ = said(capsys, "bench", *flags)
    lines = text.splitlines()
    assert status == 0 and max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[-2:]] == ["linear", "mlp"]
    step, low, high = map(float, re.search(r"([\d.]+) ms \(([\d.]+) to ([\d.]+)\)", text).groups())
    assert 0 < low <= step <= high


# --- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["cnn", "lenet5", "mlp", "linear"])
def test_networks_fit_images_of_any_shape(network):
    for shape, classes in (((28, 28, 1), 10), ((32, 32, 3), 100)):
        model = make_network(network, shape, classes, "sgd", 0.5)
        assert model(np.zeros((2, *shape), "f")).shape == (2, classes)
        assert model.optimizer.learning_rate == 0.5


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((28, 28, 1), (28, 28, 1)),
        ((8, 9), (8, 9, 1)),
        ((784,), (28, 28, 1)),
        ((4, 5, 3), (4, 5, 3)),
    ],
)
def test_shape_of_a_models_images(shape, found):
    model = Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(1)])
    assert image_shape(model) == found
    images = np.zeros((3, *found), "f")
    assert as_inputs(model, images, "x").shape == (3, *shape)


def test_border_is_the_outermost_pixels():
    image = np.zeros((4, 5, 1))
    image[1:-1, 1:-1] = 1
    assert border_of(image).sum() == 0 and border_of(1 - image).min() == 1
    assert border_of(image).shape == (18, 1)


def test_outputs_in_words():
    shares = np.array([0.1, 0.7, 0.15, 0.05])
    assert in_words(shares) == "1 (70.0 %), then 2 (15.0 %), 0 (10.0 %)"
    assert in_words(np.array([-2.0, 3.5])) == "outputs, the largest first: [1] 3.5, [0] -2"
    assert in_words(np.array([1.0])) == "outputs, the largest first: [0] 1"


def test_commands_of_the_page_are_commands():
    page = Path(__file__).parents[2] / "docs" / "command_line.md"
    page = page.read_text(encoding="utf-8")
    shown = re.findall(r"^\$ minigrad (.*?)(?: \|.*| 2>.*)?$", page, re.MULTILINE)
    assert {line.split()[0] for line in shown} == {*COMMANDS}
    for line in shown:
        make_parser().parse_args(line.split())


# --- what programs share -------------------------------------------------------------------------


def make_linear():
    return make_network("linear", (28, 28, 1), 10)


def test_an_estimate_is_printed_of_long_trainings_alone(capsys, monkeypatch):
    x, y = np.zeros((100, 28, 28, 1), "float32"), np.zeros(100, int)
    command_line.print_estimate(make_linear, x, y, 10, epochs=1)
    assert capsys.readouterr().out == ""
    now = iter(np.arange(0, 1e4, 2.0))  # each batch takes 2 s, the first included
    monkeypatch.setattr(command_line.time, "perf_counter", lambda: float(next(now)))
    monkeypatch.setattr(command_line, "MEASURED", 20)
    command_line.print_estimate(make_linear, x, y, 10, epochs=3, times=2)
    assert capsys.readouterr().out == "Training takes about 20 s an epoch, 2 min in all.\n"


def test_an_estimate_leaves_no_trace_in_a_seeded_training():
    x, y = np.random.default_rng(0).random((60, 28, 28, 1), "float32"), np.arange(60) % 10
    hashes = []
    for estimate in (False, True):
        minigrad.utils.clear_session()
        if estimate:
            command_line.print_estimate(make_linear, x, y, 10, epochs=1)
        minigrad.utils.set_random_seed(1)
        model = make_linear()
        model.fit(x, y, epochs=1, verbose=0)
        hashes.append((model.weights_hash(), [layer.name for layer in model.layers]))
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.034, "0.03 s"), (2.96, "3 s"), (89, "89 s"), (100, "1.7 min"), (9e3, "2.5 h")],
)
def test_durations_have_the_unit_that_fits(seconds, text):
    assert command_line._duration(seconds) == text
