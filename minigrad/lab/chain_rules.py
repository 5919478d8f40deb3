"""The chain rule of every op in words, and what its node keeps."""

# For each op: the rule for the gradient of each of its inputs {0}, {1}, ..., from the upstream
# gradient g (the last rule also holds for all further inputs); and what its node saves: numbers
# of inputs, z for its result, - for something else.
CHAIN_RULES = {
    # arithmetic
    "Add": ("g; g", ""),
    "Sub": ("g; -g", ""),
    "Mul": ("g · {1}; g · {0}", "0 1"),
    "Div": ("g / {1}; -g · {z} / {1}", "1 z"),
    "Pow": ("g · {1} · {0}^({1} - 1); g · {z} · log({0})", "0 1 z"),
    "Neg": ("-g", ""),
    "Abs": ("g · sign({0})", "0"),
    "Exp": ("g · {z}", "z"),
    "Log": ("g / {0}", "0"),
    "Sqrt": ("g / (2 · {z})", "z"),
    "Extremum": (
        "g where {0} is chosen, half of it where both are equal; "
        "g where {1} is chosen, half of it where both are equal",
        "0 1",
    ),
    "Clip": ("g where {0} is within the limits", "0"),
    "Where": ("g where the condition holds; g where it does not", ""),
    "MatMul": ("g @ {1}ᵀ; {0}ᵀ @ g", "0 1"),
    # reductions
    "Sum": ("g for every element", ""),
    "Mean": ("g / count for every element", ""),
    "Var": ("g · 2 ({0} - mean) / count", "0"),
    "Std": ("g · ({0} - mean) / ({z} · count)", "0 z"),
    "Extreme": ("g where {0} is {z}, shared by equals", "0 z"),
    "LogSumExp": ("g · softmax({0})", "- -"),
    # shapes
    "Reshape": ("g in the shape of {0}", ""),
    "Transpose": ("g with its axes back in order", ""),
    "BroadcastTo": ("g", ""),
    "GetItem": ("g added where it was taken from, else 0", ""),
    "GetSlice": ("g where it was taken from, else 0", ""),
    "Concatenate": ("its part of g", ""),
    "Stack": ("its part of g", ""),
    "Pad": ("g without the border", ""),
    # activations
    "relu": ("g where {z} > 0, else 0", "z"),
    "leaky_relu": ("g, times the slope where {0} < 0", "0"),
    "elu": ("g, times alpha · e^{0} where {0} ≤ 0", "0"),
    "gelu": ("g · (Φ({0}) + {0} · φ({0}))", "0"),
    "gelu_tanh": (
        "g · (σ + {0} · σ · (1 - σ) · u'), σ = sigmoid(u), "
        "u = √(8/π) · ({0} + 0.044715 · {0}³), u' = √(8/π) · (1 + 0.134145 · {0}²)",
        "0",
    ),
    "silu": ("g · σ · (1 + {0} · (1 - σ)), σ = sigmoid({0})", "0"),
    "softplus": ("g · sigmoid({0})", "0"),
    "sigmoid": ("g · {z} · (1 - {z})", "z"),
    "tanh": ("g · (1 - {z}²)", "z"),
    "Softmax": ("{z} · (g - Σ (g · {z}))", "z"),
    "LogSoftmax": ("g - e^{z} · Σ g", "z"),
    # layers and losses
    "Dense": ("g @ {1}ᵀ; {0}ᵀ @ g; Σ g over the rows", "0 1 -"),
    "Dense+relu": (
        "(g where {z} > 0) @ {1}ᵀ; {0}ᵀ @ (g where {z} > 0); Σ (g where {z} > 0) over the rows",
        "0 1 z",
    ),
    "Conv2D": (
        "each g times {1}, added to its window; "
        "each g times its window of {0}, added up; "
        "Σ g over samples and positions",
        "0 1 -",
    ),
    "Conv2D+relu": (
        "each g where {z} > 0 times {1}, added to its window; "
        "each g where {z} > 0 times its window of {0}, added up; "
        "Σ (g where {z} > 0) over samples and positions",
        "0 1 z",
    ),
    "MaxPool2D": ("g to the largest of each window", ""),
    "AvgPool2D": ("g / count for every element of each window", ""),
    "Dropout": ("g / (1 - rate) where it was kept, else 0", ""),
    "BatchNorm": (
        "{1} / deviation · (g - mean of g - normed · mean of (g · normed)); "
        "Σ g · normed for each channel; "
        "Σ g for each channel",
        "0 1 - -",
    ),
    "BatchNorm+relu": (
        "{1} / deviation · (h - mean of h - normed · mean of (h · normed)), h = g where {z} > 0; "
        "Σ (g where {z} > 0) · normed for each channel; "
        "Σ (g where {z} > 0) for each channel",
        "0 1 - -",
    ),
    "BatchNormalization": ("g · {1} / deviation; g · normed; g", "0 1 3 4 -"),
    "BatchNormalization+relu": (
        "(g where {z} > 0) · {1} / deviation; (g where {z} > 0) · normed; g where {z} > 0, else 0",
        "0 1 3 4 z",
    ),
    "SoftmaxCrossEntropy": ("g · (softmax({0}) · Σ targets - targets)", "-"),
    "SigmoidCrossEntropy": ("g · (sigmoid({0}) - targets)", "0"),
}
