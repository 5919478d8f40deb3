"""The contenders, and the cases of each row."""

from benchmarks.measure import Case
from benchmarks.networks import NETWORKS

CONTENDERS = {  # name: (module, variant)
    "minigrad": ("ours", ""),
    "minigrad bare steps": ("ours", "bare steps"),
    "minigrad 1 thread": ("ours", ""),
    "keras/tensorflow": ("peer_keras", ""),
    "torch": ("peer_torch", "eager"),
    "torch channels_last": ("peer_torch", "channels_last and fused"),
    "torch.compile": ("peer_torch", "compiled"),
    "jax": ("peer_jax", ""),
    "limit": ("limit", ""),
}
NOT_PEERS = ("minigrad", "minigrad bare steps", "minigrad 1 thread", "limit")

ONE_LAYOUT = ("minigrad", "keras/tensorflow", "torch")
BOTH_LAYOUTS = (*ONE_LAYOUT, "torch channels_last")
TRAINERS = (*BOTH_LAYOUTS, "torch.compile", "jax", "limit")


def step_case(title, optimizer="adam", batch=60, contenders=TRAINERS, **options):
    arguments = {"optimizer": optimizer, "batch": batch, "rate": 0.25}
    return Case(title, "step", arguments, contenders, tolerance=1e-4, **options)


def operation_case(title, name, shapes, contenders, **options):
    return Case(title, "operation", {"name": name, "shapes": shapes, **options}, contenders)


def step_cases():
    for threads, note in ((None, ""), (1, ", 1 thread")):
        for rule in ("adam", "sgd", "adagrad"):
            yield step_case(f"{rule}{note}", rule, threads=threads)


def network_cases():
    for name, (shape, _) in NETWORKS.items():
        contenders = BOTH_LAYOUTS if len(shape) > 2 else ONE_LAYOUT
        options = {"name": name, "rate": 1.0}
        title = f"{name}, batch {shape[0]}"
        yield Case(title, "network", options, (*contenders, "torch.compile"), tolerance=1e-4)


def loaded_cases():
    for load in (0, 1, 2):
        yield step_case(f"adam, {load} busy processes", load=load)


def epoch_cases():
    contenders = ("minigrad", "minigrad bare steps", "keras/tensorflow")
    yield Case("fit on 12,000 images", "epoch", {"images": 12_000}, contenders)


def inference_case(title, kind, images, sizes, trained_by):
    options = {"kind": kind, "images": images, "sizes": sizes, "trained_by": trained_by}
    return Case(title, "inference", options, BOTH_LAYOUTS, tolerance=1e-4)


def inference_cases():
    for kind in ("evaluate", "predict"):
        for rule in ("", "adam", "sgd"):
            title = f"{kind}, {f'after an epoch of {rule}' if rule else 'untrained'}"
            yield inference_case(title, kind, 10_000, (250, 1000, 32), rule)
    yield inference_case("one image", "one image", 1, (1,), "")


CONVOLUTIONS = (  # size, channels, filters, kernel, options
    (14, 32, 64, 3, {}),
    (28, 64, 64, 3, {}),
    (32, 3, 32, 3, {}),
    (28, 1, 32, 3, {}),
    (14, 256, 64, 1, {}),
    (28, 32, 64, 5, {"strides": 2}),
    (15, 3, 17, 3, {"padding": "same"}),
    (13, 17, 50, 3, {}),
    (16, 50, 17, 7, {"padding": "same"}),
    (14, 32, 64, 3, {"dilation_rate": 2}),
    (14, 32, 64, 3, {"groups": 4}),
)


def conv_cases():
    for size, channels, filters, kernel, options in CONVOLUTIONS:
        note = "".join(f", {name} {value}" for name, value in options.items())
        title = f"{size}×{size}×{channels}→{filters}, {kernel}×{kernel}{note}"
        window = (kernel, kernel, channels // options.get("groups", 1), filters)
        shapes = ((32, size, size, channels), window, (filters,))
        yield operation_case(title, "conv2d", shapes, BOTH_LAYOUTS, **options)


def dense_cases():
    for width, units in ((5408, 128), (512, 512)):
        for batch in (1, 60, 512):
            shapes = ((batch, width), (width, units), (units,))
            yield operation_case(f"{width}→{units}, batch {batch}", "dense", shapes, ONE_LAYOUT)


def layer_cases():
    image, channels = (60, 26, 26, 32), (32,)
    for name, shapes, options in (
        ("max_pool2d", (image,), {"pool_size": 2}),
        ("avg_pool2d", (image,), {"pool_size": 2}),
        ("batch_norm", (image, channels, channels), {"epsilon": 1e-3}),
        ("dropout", (image,), {"rate": 0.25}),
        ("softmax_cross_entropy", ((60, 10),), {"classes": 10}),
        ("softmax_cross_entropy", ((512, 1000),), {"classes": 1000}),
    ):
        title = f"{name} {'×'.join(map(str, shapes[0]))}"
        contenders = BOTH_LAYOUTS if image in shapes else ONE_LAYOUT
        yield operation_case(title, name, shapes, contenders, **options)


def elementwise_cases():
    functions = ("relu", "elu", "sigmoid", "tanh", "gelu", "silu", "softplus", "exp", "log", "sqrt")
    for name in (*functions, "add", "mul", "div"):
        for power in (4, 5, 6, 7):
            shapes = ((10**power,),) * (1 if name in functions else 2)
            positive = name in ("log", "sqrt", "div")
            yield operation_case(f"{name} 1e{power}", name, shapes, ONE_LAYOUT, positive=positive)


def optimizer_cases():
    contenders = ("minigrad", "torch", "limit")
    for rule in ("adam", "momentum", "adagrad", "rmsprop"):
        for size in (700_000, 10_000_000):
            for count in (6, 200):
                title = f"{rule}, {size / 1e6:g} M weights in {count} tensors"
                options = {"rule": rule, "size": size, "count": count}
                # The check compares the weights' change, a small difference of float32 numbers.
                yield Case(title, "optimizer", options, contenders, tolerance=1e-3)


def autograd_cases():
    yield Case("an operation of 1,000", "chain", {"length": 1000}, ("minigrad", "torch"), per=1000)


def growth_cases():
    for batch in (16, 32, 64, 128, 256, 512, 1024):
        title = f"step, an image of {batch}"
        yield step_case(title, batch=batch, contenders=("minigrad",), per=batch)
    for images in (600, 6_000, 60_000):
        title = f"fit, an image of {images:,}"
        yield Case(title, "epoch", {"images": images}, ("minigrad",), per=images)
    yield step_case("step, all threads", contenders=("minigrad", "minigrad 1 thread"))


ROWS = {  # name: (cases, title, goal)
    "step": (step_cases, "A training step of the CNN, batch 60", "≥ 5×; ≥ 3× on 1 thread"),
    "networks": (network_cases, "A training step of seven networks, Adam", "mean ≥ 2.3×"),
    "loaded": (loaded_cases, "The same on a busy machine", "≥ 4×; ≤ 3× our quiet time"),
    "epoch": (epoch_cases, "An epoch through fit: bar, metrics, shuffling", "bare ≥ 0.91×"),
    "inference": (inference_cases, "evaluate and predict", "≥ 4× Keras; ≤ 150 µs an image"),
    "conv": (conv_cases, "Convolution, batch 32, both ways", "≥ 1×, mean ≥ 1.3×"),
    "dense": (dense_cases, "Dense, both ways", "≥ 1× PyTorch"),
    "layers": (layer_cases, "Other layers, both ways", "≥ 1.5× PyTorch"),
    "elementwise": (elementwise_cases, "Elementwise, both ways", "≥ 1× PyTorch"),
    "optimizers": (optimizer_cases, "An optimizer's step", "≥ 1× PyTorch; limit ≥ 0.9× at 10 M"),
    "autograd": (autograd_cases, "A chain on arrays of 8, both ways", "≤ 1.5 µs"),
    "growth": (growth_cases, "Growth", "the same time an image; 1 thread ≥ 1.7×"),
}
