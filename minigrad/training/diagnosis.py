"""Where a loss that is not finite comes from, for the warning of ``fit``."""

import functools

import numpy as np

from minigrad.core import no_grad, trial
from minigrad.utils.structures import flatten

CLEAN = "leave such samples out, or replace the numbers, as by np.nan_to_num"
LARGE = 1e10  # its square is too large for float32 soon
TAME = "scale the inputs to about 1, try a smaller learning rate, or clipnorm=1.0 in the optimizer"


def explain_loss(model, x, y, sample_weight):
    """Return what is not finite first, and what to try: the data, a weight, or a layer's output.

    The model runs again on the batch, layer by layer. Call it before the step that spoils all
    weights.
    """
    for name, data in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        for part in flatten(data):
            if part is not None and not is_finite(part):
                rows = np.asarray(part, float).reshape(len(part), -1)
                number = np.count_nonzero(~np.isfinite(rows).all(axis=1))
                return f"{name} holds NaN or infinity in {number} of {len(rows)} samples; {CLEAN}"
    findings, outputs = _run_watched(model, x)
    if findings:
        return f"the first that is not finite is {findings[0]}; {TAME}"
    largest = max((np.abs(part).max(initial=0) for part in map(np.asarray, outputs)), default=0)
    if largest > LARGE:
        return f"the model's outputs have grown to {largest:.2g}; {TAME}"
    cure = "keep its logarithms and divisors away from 0, or look at targets and weights"
    return f"all outputs of layers are finite, so the loss itself makes it; {cure}"


def is_finite(part):
    """Whether an array or Tensor holds neither NaN nor infinity."""
    values = np.asarray(part)
    return values.dtype.kind not in "fc" or bool(np.isfinite(values).all())


def _run_watched(model, x):
    """Run the model once more; return findings as layers finish, and its outputs, in lists."""
    findings, outputs = [], []
    layers = [layer for layer, _ in model._walk() if layer is not model]
    own_calls = [vars(layer).get("call") for layer in layers]
    try:
        for layer in layers:
            layer.call = _watched(layer, findings)
        with trial(), no_grad(), np.errstate(all="ignore"):
            outputs = flatten(model(x, training=True))
    except Exception:  # a call of the user's own that cannot run twice: nothing more is known
        pass
    finally:
        for layer, own_call in zip(layers, own_calls, strict=True):
            del layer.call, layer._signature  # those of the class are back
            if own_call is not None:
                layer.call = own_call
    return findings, outputs


def _watched(layer, findings):
    call = layer.call

    @functools.wraps(call)
    def watched(*arguments, **options):
        results = call(*arguments, **options)
        spoilt = [weight.name for weight in layer.own_weights if not is_finite(weight)]
        if spoilt:
            findings.append(f"the weight {spoilt[0]!r} of layer {layer.name!r}")
        elif not all(is_finite(result) for result in flatten(results)):
            findings.append(f"the output of layer {layer.name!r}")
        return results

    return watched
