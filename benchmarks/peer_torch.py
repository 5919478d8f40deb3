"""PyTorch as a contender: eager, channels_last with fused optimizers, or this compiled."""

import functools
import math

import torch
from torch.nn import functional

from benchmarks import inputs, networks
from benchmarks.measure import Task, repeat

NHWC_TO_NCHW, NCHW_TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
HWIO_TO_OIHW, OIHW_TO_HWIO = (3, 2, 0, 1), (2, 3, 1, 0)
PLAIN = "eager"


def configure(threads):
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    return f"torch {torch.__version__}"


def laid_out(array, order, variant):
    """Return a tensor; a 4-D array gets its axes in this order and the variant's layout."""
    tensor = torch.as_tensor(array)
    if tensor.ndim != 4:
        return tensor.contiguous()
    layout = torch.contiguous_format if variant == PLAIN else torch.channels_last
    return tensor.permute(order).contiguous(memory_format=layout)


def optimizer_of(rule, weights, **options):
    """Return the optimizer with Keras's constants."""
    if rule == "adam":
        return torch.optim.Adam(weights, lr=0.001, eps=1e-7, **options)
    if rule == "adagrad":
        options |= {"initial_accumulator_value": 0.1, "eps": 1e-7}
        return torch.optim.Adagrad(weights, lr=0.001, **options)
    if rule == "rmsprop":
        return torch.optim.RMSprop(weights, lr=0.001, alpha=0.9, eps=1e-7, **options)
    return torch.optim.SGD(weights, lr=0.01, momentum=0.9 * (rule == "momentum"), **options)


class Network(torch.nn.Module):
    """The notebook's network, without the softmax. Dense weights are (units, inputs), as in Linear.

    The map is flattened in its memory order, which costs nothing; the columns of the first dense
    weights have the same order.
    """

    def __init__(self, variant, rate, trained_by=""):
        super().__init__()
        self.variant, self.rate = variant, rate
        k1, b1, k2, b2, k3, b3 = map(torch.as_tensor, inputs.cnn_weights(trained_by))
        k2 = k2.reshape(13, 13, 32, 128).permute(3, *self.order((0, 1, 2))).reshape(128, 5408)
        values = laid_out(k1, HWIO_TO_OIHW, variant), b1, k2, b2, k3.T.contiguous(), b3
        self.weights = torch.nn.ParameterList(values)

    def order(self, axes):
        """Return the axes H, W, C in the map's memory order."""
        height, width, channels = axes
        return (channels, height, width) if self.variant == PLAIN else axes

    def forward(self, x):
        k1, b1, k2, b2, k3, b3 = self.weights
        h = functional.max_pool2d(functional.relu(functional.conv2d(x, k1, b1)), 2)
        h = functional.dropout(h, self.rate, self.training)
        h = h.permute(0, *self.order((2, 3, 1))).flatten(1)
        h = functional.relu(functional.linear(h, k2, b2))
        h = functional.dropout(h, 2 * self.rate, self.training)
        return functional.linear(h, k3, b3)

    def gradients(self):
        """Return the gradients in Keras's shapes and order."""
        k1, b1, k2, b2, k3, b3 = (weight.grad for weight in self.weights)
        if self.variant == PLAIN:
            k2 = k2.reshape(128, 32, 13, 13).permute(0, 2, 3, 1).reshape(128, 5408)
        return k1.permute(OIHW_TO_HWIO), b1, k2.T, b2, k3.T, b3


class Flatten(torch.nn.Module):
    """Flatten maps in their memory order, which costs nothing."""

    def __init__(self, variant):
        super().__init__()
        self.order = (0, 1, 2, 3) if variant == PLAIN else NCHW_TO_NHWC

    def forward(self, x):
        return x.permute(self.order).flatten(1)


def by_pixels(shape, gradient):
    """Bring the gradient of dense weights behind a map (C, H, W) to the order of (H, W, C)."""
    height, width, channels = shape
    return gradient.T.unflatten(0, (channels, height, width)).permute(1, 2, 0, 3).flatten(0, 2)


def network_of(variant, name, rate):
    """Return one of networks.py, and for each weight what brings its gradient to Keras's form.

    `rate` times the rates of its dropout.
    """
    nn, values, modules, back = torch.nn, iter(networks.weights(name)), [], []

    def add(module, kernel, to_keras):
        bias = torch.as_tensor(next(values))
        module.weight, module.bias = map(nn.Parameter, (kernel, bias))
        modules.append(module)
        back.extend((to_keras, torch.Tensor.detach))

    channels = None  # of the map that has been flattened in another order than Keras's
    for kind, *options in networks.layers_of(name):
        if kind == "conv":
            kernel = laid_out(next(values), HWIO_TO_OIHW, variant)
            filters, channels = kernel.shape[0], kernel.shape[0]
            conv = nn.Conv2d(kernel.shape[1], filters, options[1], padding=options[2])
            add(conv, kernel, lambda g: g.permute(OIHW_TO_HWIO))
        elif kind == "dense":
            kernel = torch.as_tensor(next(values))
            inputs, units = kernel.shape
            if channels and variant == PLAIN:
                side = math.isqrt(inputs // channels)
                map_shape = (side, side, channels)
                kernel = kernel.reshape(*map_shape, units).permute(2, 0, 1, 3).flatten(0, 2)
                to_keras = functools.partial(by_pixels, map_shape)
            else:
                to_keras = torch.t
            add(nn.Linear(inputs, units), kernel.T.contiguous(), to_keras)
            channels = None
        elif kind == "batch_norm":
            kernel = torch.as_tensor(next(values))
            add(nn.BatchNorm2d(len(kernel), 1e-3, 0.01), kernel, torch.Tensor.detach)
        else:
            others = {
                "pool": lambda: nn.MaxPool2d(2),
                "dropout": lambda value: nn.Dropout(value * rate),
                "flatten": lambda: Flatten(variant),
                "relu": nn.ReLU,
                "global_average": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), Flatten(variant)),
            }
            modules.append(others[kind](*options))
            channels = None if kind == "global_average" else channels
        if "relu" in options:
            modules.append(nn.ReLU())
    return nn.Sequential(*modules), back


def trainer(variant, rule, network, fused=None):
    """Return `train(x, y)`, which takes a step on a batch and returns the loss.

    A fused optimizer by default where the layout is channels_last.
    """
    fused = variant != PLAIN if fused is None else fused
    optimizer = optimizer_of(rule, network.parameters(), **{"fused": True} if fused else {})

    def loss_of(x, y):
        return functional.cross_entropy(network(x), y)

    if variant == "compiled":
        loss_of = torch.compile(loss_of)

    def train(x, y):
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return train


def tensors(x, y, variant):
    return laid_out(x, NHWC_TO_NCHW, variant), torch.as_tensor(y)


def step(variant, optimizer, batch, rate):
    data = tensors(*inputs.digits(inputs.BATCHES * batch), variant)
    batches = inputs.batches(*data, batch)
    network = Network(variant, rate)
    train = trainer(variant, optimizer, network)

    def check():
        x, y = batches[0]
        loss = functional.cross_entropy(network(x), y)
        loss.backward()
        return loss.detach(), *network.gradients()

    return Task({variant: inputs.looped(train, batches, torch.Tensor.item)}, check)


def network(variant, name, rate):
    x, y = networks.images(name)
    data = tensors(x, y, variant)
    batches = inputs.batches(*data, len(x) // networks.BATCHES)
    model, back = network_of(variant, name, rate)
    train = trainer(variant, "adam", model, fused=True)

    def check():
        x, y = batches[0]
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        pairs = zip(back, model.parameters(), strict=True)
        gradients = [to_keras(weight.grad) for to_keras, weight in pairs]
        return [loss.detach(), *networks.compared(name, gradients)]

    return Task({variant: inputs.looped(train, batches, torch.Tensor.item)}, check)


@torch.inference_mode()
def evaluate(network, x, y, size):
    loss = correct = 0
    for xs, ys in inputs.batches(x, y, size):
        logits = network(xs)
        loss += functional.cross_entropy(logits, ys, reduction="sum")
        correct += (logits.argmax(1) == ys).sum()
    return loss.item() / len(x), correct.item() / len(x)


@torch.inference_mode()
def predict(network, x, y, size):
    return torch.cat([functional.softmax(network(xs), 1) for xs in x.split(size)]).numpy()


def inference(variant, kind, images, sizes, trained_by):
    once = functools.partial(
        evaluate if kind == "evaluate" else predict,
        Network(variant, 0, trained_by).eval(),
        *tensors(*inputs.digits(images), variant),
    )
    runs = {f"{variant}, by {size}": repeat(functools.partial(once, size)) for size in sizes}
    return Task(runs, lambda: [once(sizes[0])])


def conv2d(x, w, b, strides=1, padding="valid", dilation_rate=1, groups=1):
    return functional.conv2d(x, w, b, strides, padding, dilation_rate, groups)


def batch_norm(x, gamma, beta, epsilon):
    return functional.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)


OPERATIONS = {  # with another name or other arguments in PyTorch
    "conv2d": conv2d,
    "dense": lambda x, w, b: torch.addmm(b, x, w),
    "max_pool2d": lambda x, pool_size: functional.max_pool2d(x, pool_size),
    "avg_pool2d": lambda x, pool_size: functional.avg_pool2d(x, pool_size),
    "batch_norm": batch_norm,
    "dropout": lambda x, rate: functional.dropout(x, rate),
    "softmax_cross_entropy": lambda x, y: functional.cross_entropy(x, y, reduction="none"),
}


def operation(variant, name, shapes, positive=False, classes=None, **options):
    function = OPERATIONS.get(name) or getattr(torch, name, None) or getattr(functional, name)
    there, back = (NHWC_TO_NCHW, HWIO_TO_OIHW), (NCHW_TO_NHWC, OIHW_TO_HWIO)
    arrays = inputs.arrays(shapes, positive)  # the first is the images, the second the kernel
    tensors = [laid_out(array, there[min(i, 1)], variant) for i, array in enumerate(arrays)]
    for tensor in tensors:
        tensor.requires_grad_()
    constants = [] if classes is None else [torch.as_tensor(inputs.labels(shapes[0][0], classes))]

    def forward():
        return function(*tensors, *constants, **options)

    y = forward()
    shape = y.permute(NCHW_TO_NHWC).shape if y.ndim == 4 else y.shape
    gy = laid_out(inputs.upstream(shape), NHWC_TO_NCHW, variant)

    def once():
        y = forward()
        return y, *torch.autograd.grad(y, tensors, gy)

    def check():
        orders = back[0], back[0], back[1], None
        values = [value.detach() for value in once()]
        return [v.permute(orders[i]) if v.ndim == 4 else v for i, v in enumerate(values)]

    return Task({variant: repeat(once)}, check)


def chain(variant, length):
    x, scale, shift = map(torch.as_tensor, inputs.chain())
    x.requires_grad_()
    ones = torch.ones(8)

    def once():
        y = x
        for _ in range(length // 2):
            y = y * scale + shift
        return torch.autograd.grad(y, x, ones)

    return Task({variant: repeat(once)}, once)


def optimizer(variant, rule, size, count):
    def start(**options):
        weights, gradients = inputs.parameters(size, count)
        weights = [torch.tensor(weight, requires_grad=True) for weight in weights]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = torch.tensor(gradient)
        return weights, repeat(optimizer_of(rule, weights, **options).step)

    def check():
        weights, run = start()
        before = torch.cat(weights).detach()
        run(3)
        return [torch.cat(weights).detach() - before]

    ways = ["for loop", "foreach"] + ["fused"] * (rule != "rmsprop")  # RMSprop has no fused form
    options = [{}, {"foreach": True}, {"fused": True}]
    return Task(
        {way: start(**kwargs)[1] for way, kwargs in zip(ways, options, strict=False)}, check
    )


def job(seed, variant):
    torch.manual_seed(seed)
    network = Network(variant, 0.25)
    train = trainer(variant, "adam", network)

    def fit(x, y):
        network.train()
        for batch in inputs.batches(*tensors(x, y, variant), 60):
            loss = train(*batch)
        return loss.item()

    return fit, lambda x, y: evaluate(network.eval(), *tensors(x, y, variant), 1000)[1]
