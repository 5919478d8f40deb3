"""TensorBoard's files: read back by the rules of their format, and what the callback writes."""

import struct

import numpy as np
import pytest

import minigrad
from minigrad.callbacks import TensorBoard
from minigrad.utils.event_file import EventFile, checksum

STRUCTS = {1: "<d", 5: "<f"}  # kinds of content of known size


def read_varint(content):
    n, shift = 0, 0
    for i, byte in enumerate(content):
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return n, content[i + 1 :]
    raise AssertionError("no end")


def read_fields(content):
    """Return the fields as (number, content)."""
    fields = []
    while content:
        key, content = read_varint(content)
        if key & 7 == 0:
            value, content = read_varint(content)
        elif key & 7 == 2:
            size, content = read_varint(content)
            value, content = content[:size], content[size:]
        else:
            size = struct.calcsize(STRUCTS[key & 7])
            (value,), content = struct.unpack(STRUCTS[key & 7], content[:size]), content[size:]
        fields.append((key >> 3, value))
    return fields


def read_events(folder):
    """Return (step, name, number or fields of a histogram) of all files of a folder."""
    found = []
    for path in sorted(folder.iterdir()):
        content, events = path.read_bytes(), []
        while content:
            (size,) = struct.unpack("<Q", content[:8])
            assert content[8:12] == checksum(content[:8])
            assert content[12 + size : 16 + size] == checksum(content[12 : 12 + size])
            events.append(dict(read_fields(content[12 : 12 + size])))
            content = content[16 + size :]
        assert events[0][3] == b"brain.Event:2"
        for event in events[1:]:
            for _, value in read_fields(event[5]):
                (_, name), (kind, number) = read_fields(value)
                number = dict(read_fields(number)) if kind == 5 else number
                found.append((event[2], name.decode(), number))
    return found


def test_checksum_is_that_of_the_standard():
    crc = 0xE3069283  # of these nine digits, in RFC 3720
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert checksum(b"123456789") == struct.pack("<I", masked)


def test_event_file_is_read_back(tmp_path):
    file = EventFile(tmp_path / "run" / "train")
    file.add_numbers(300, {"loss": 0.25, "très": np.float32(-1)})
    file.add_histograms(0, {"kernel": np.arange(60.0).reshape(3, 20), "one": [2.0, np.nan]})
    file.close()
    first, second, (_, name, histogram), (*_, one) = read_events(tmp_path / "run" / "train")
    assert (first, second) == ((300, "loss", 0.25), (300, "très", -1.0))
    assert name == "kernel"
    assert [histogram[i] for i in range(1, 6)] == [0, 59, 60, 1770, 70210]
    limits, counts = (np.frombuffer(histogram[i], "<f8") for i in (6, 7))
    np.testing.assert_allclose(limits, np.linspace(0, 59, 31)[1:])
    np.testing.assert_array_equal(counts, 2)
    assert (one[3], one[4]) == (1, 2.0)


def fit(callback, epochs=2):
    x, y = np.ones((5, 3), "float32"), np.ones((5, 1), "float32")
    model = minigrad.Sequential([minigrad.layers.Dense(1, name="out")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model.fit(
        x, y, batch_size=2, epochs=epochs, validation_data=(x, y), callbacks=[callback], verbose=0
    )


def test_tensorboard_writes_epochs_batches_and_weights(tmp_path):
    history = fit(TensorBoard(tmp_path, histogram_freq=1, update_freq=2)).history
    train, validation = read_events(tmp_path / "train"), read_events(tmp_path / "validation")
    values = {(step, name): value for step, name, value in train + validation}
    for epoch in range(2):
        assert values[epoch, "epoch_learning_rate"] == pytest.approx(0.01)
    assert [value for _, name, value in train if name == "epoch_mae"] == pytest.approx(
        history["mae"]
    )
    assert [value for _, name, value in validation if name == "epoch_loss"] == pytest.approx(
        history["val_loss"]
    )
    assert [step for step, name, _ in train if name == "batch_loss"] == [2, 4, 6]
    steps = [step for step, name, _ in validation if name == "evaluation_loss_vs_iterations"]
    assert steps == [3, 6]
    histograms = [(step, name) for step, name, value in train if isinstance(value, dict)]
    assert histograms == [
        (epoch, f"out/{name}/histogram") for epoch in range(2) for name in ("kernel", "bias")
    ]


def test_tensorboard_leaves_out_what_is_no_number(tmp_path):
    class Noting(TensorBoard):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs | {"note": "1.5", "none": None, "many": np.ones(2)})

    fit(Noting(tmp_path), epochs=1)
    names = {name for _, name, _ in read_events(tmp_path / "train")}
    assert names == {"epoch_learning_rate", "epoch_loss", "epoch_mae"}


def test_tensorboard_writes_epochs_only_by_default(tmp_path):
    callback = TensorBoard(tmp_path)
    fit(callback, epochs=1)
    names = {name for _, name, _ in read_events(tmp_path / "train")}
    assert names == {"epoch_learning_rate", "epoch_loss", "epoch_mae"}
    assert not callback._files  # closed
    fit(callback, epochs=1)
    assert len(list((tmp_path / "train").iterdir())) == 2


def test_tensorboard_tells_what_it_leaves_out():
    with pytest.warns(UserWarning, match="got write_images=True, which is left out"):
        TensorBoard(write_images=True)
    with pytest.warns(UserWarning, match="got profile_batch=2"):
        TensorBoard(profile_batch=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_freq": 0}, "TensorBoard: expected update_freq as a whole number of at least 1"),
        ({"update_freq": "step"}, "update_freq"),
        ({"histogram_freq": -1}, "expected histogram_freq as a whole number of at least 0"),
    ],
)
def test_tensorboard_refuses(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        TensorBoard(**arguments)
