"""What a model is trained for: for each of its outputs a loss, its factor, and metrics."""

from minigrad import losses, metrics
from minigrad.core import Tensor
from minigrad.metrics import Mean
from minigrad.utils.arguments import checked_number
from minigrad.utils.naming import unique_name
from minigrad.utils.structures import flatten, is_structure


class Objectives:
    """What ``compile`` was told, applied to the outputs of a model.

    One output is a Tensor, several are a list or a dict of them. Losses, factors, metrics, targets
    and sample weights are given in the same structure: lists by the order of the outputs, dicts by
    their names. One loss or factor, and one array of weights, are for all outputs. The names are
    known at the first batch, when the model has shown its outputs.

    Parameters
    ----------
    loss, loss_weights, metrics, weighted_metrics
        As for ``Model.compile``.
    names : list of str, optional
        Of the outputs.
    """

    def __init__(self, loss, loss_weights, metrics, weighted_metrics, names=None):
        self.loss, self.loss_weights = loss, loss_weights
        self.given_metrics = metrics, weighted_metrics
        self.names = names
        self.tracker = LossMean("loss")
        self.parts = None  # an Objective for each output, once the outputs are known
        self.metrics = [self.tracker]  # all metrics, the loss first
        self.measured = None  # these and the model's own, see Trainer
        if names is not None:
            self._make_parts(names)
        elif not isinstance(loss, (list, tuple, dict)):
            losses.as_loss(loss)  # a name that is wrong should be an error of compile

    def compute_loss(self, y, y_pred, sample_weight):
        """Return the sum of the outputs' losses times their factors; None without any loss."""
        if self._is_common(y, y_pred):
            return self.parts[0].compute_loss(y, y_pred, sample_weight)
        self.fit_outputs(y_pred)
        total = None
        for part, *values in self._by_output(y, y_pred, sample_weight):
            loss = part.compute_loss(*values)
            if loss is not None:
                total = loss if total is None else total + loss
        return total

    def update_metrics(self, y, y_pred, sample_weight):
        """Add a batch to the metrics of all outputs."""
        if self._is_common(y, y_pred):
            self.parts[0].update_metrics(y, y_pred, sample_weight)
            return
        self.fit_outputs(y_pred)
        for part, *values in self._by_output(y, y_pred, sample_weight):
            part.update_metrics(*values)

    def _is_common(self, y, y_pred):
        """Whether there is one output, and one array for it: the common case, and a quick one."""
        is_one = self.parts is not None and len(self.parts) == 1
        return is_one and type(y_pred) is Tensor and not is_structure(y)

    def fit_outputs(self, y_pred):
        """Learn from a batch's outputs how many there are, and their names if in a dict."""
        if self.parts is None:
            if isinstance(y_pred, dict):
                self.names = list(y_pred)
            elif self.names is None:
                self.names = [f"output_{i}" for i in range(len(flatten(y_pred)))]
            self._make_parts(self.names)
        if len(self.parts) != len(flatten(y_pred)):
            raise ValueError(
                f"compile: expected losses and metrics for {len(flatten(y_pred))} outputs, "
                f"got them for {len(self.parts)}"
            )

    def _by_output(self, y, y_pred, sample_weight):
        """Each Objective with its targets, outputs and weights."""
        columns = (
            self._split("y", y),
            flatten(y_pred),
            self._split("sample_weight", sample_weight, each=True),
        )
        return zip(self.parts, *columns, strict=True)

    def _split(self, argument, value, each=False):
        """Return one value for each output from a list by order, a dict by name, or None."""
        names = self.names
        has_loss = [part.loss is not None for part in self.parts or ()]
        if argument == "y" and sum(has_loss) == 1 and not isinstance(value, (list, tuple, dict)):
            return [value if has else None for has in has_loss]  # targets of the only loss
        is_one = not isinstance(value, (list, tuple, dict))
        if value is None or (is_one and (each or len(names) == 1)):
            return [value] * len(names)
        if isinstance(value, dict):
            unknown = [name for name in value if name not in names]
            if unknown:
                known = ", ".join(names)
                raise ValueError(
                    f"{argument}: expected the outputs' names {known}, got {unknown[0]!r}"
                )
            return [value.get(name) for name in names]
        if not isinstance(value, (list, tuple)) or len(value) != len(names):
            count = len(value) if isinstance(value, (list, tuple)) else "one"
            raise ValueError(
                f"{argument}: expected a list or dict of {len(names)} values, one for each output "
                f"({', '.join(names)}), got {count}"
            )
        return list(value)

    def _make_parts(self, names):
        self.names = names
        self.parts, taken = [], {"loss"}
        columns = (
            self._split("loss", self.loss, each=True),
            self._split("loss_weights", self.loss_weights, each=True),
            *(self._split_metrics(given) for given in self.given_metrics),
        )
        for name, *column in zip(names, *columns, strict=True):
            prefix = f"{name}_" if len(names) > 1 else ""
            self.parts.append(Objective(prefix, taken, *column))
        trackers = [part.tracker for part in self.parts if part.tracker is not None]
        measured = [metric for part in self.parts for metric in part.all_metrics]
        self.metrics, self.measured = [self.tracker, *trackers, *measured], None

    def _split_metrics(self, given):
        """Metrics of each output: a list of lists, a dict, or one list for the only output."""
        if len(self.names) == 1 and not isinstance(given, dict):
            given = as_list(given)
            return [given[0] if len(given) == 1 and isinstance(given[0], list) else given]
        return [as_list(metrics) for metrics in self._split("metrics", given)]


class LossMean(Mean):
    """The mean of a loss over the samples of all batches."""

    def add(self, loss, y_pred):
        """Add the loss of a batch, a scalar Tensor; return it as a float."""
        if type(y_pred) is not Tensor:
            y_pred = flatten(y_pred)[0]
        n, value = len(y_pred) if y_pred.ndim else 1, loss.item()
        self.total.assign_add(value * n)
        self.count.assign_add(n)
        return value


class Objective:
    """The loss, its factor, and the metrics of one output."""

    def __init__(self, prefix, taken, loss, factor, unweighted, weighted):
        self.prefix = prefix
        self.loss = losses.as_loss(loss)
        self.factor = factor
        if factor is not None:
            self.factor = checked_number("compile", "loss_weights", factor, "(-inf, inf)")
        self.metrics = [metrics.get(m) for m in unweighted if m is not None]
        self.weighted_metrics = [metrics.get(m) for m in weighted if m is not None]
        self.tracker = None  # only of several outputs
        self.is_checked = False  # whether a first batch's outputs fit the loss
        if prefix and self.loss is not None:
            self.tracker = LossMean(f"{prefix}loss")
            taken.add(self.tracker.name)
        for metric in self.all_metrics:
            name = prefix + metric.name
            if name in taken and metric in self.weighted_metrics:
                name = f"{prefix}weighted_{metric.name}"
            metric.name = unique_name(name, taken)
            taken.add(metric.name)

    @property
    def all_metrics(self):
        return [*self.metrics, *self.weighted_metrics]

    def compute_loss(self, y, y_pred, sample_weight):
        if self.loss is None:
            return None
        if y is None:
            output = f" of {self.prefix[:-1]!r}" if self.prefix else ""
            expected = f"expected targets y for the loss{output}"
            cure = "write fit(x, y), and validation_data=(x, y)"
            raise ValueError(f"compute_loss: {expected}, got None; {cure}")
        loss = self.loss(y, y_pred, sample_weight)
        if not self.is_checked and type(y_pred) is Tensor:
            losses.warn_of_outputs(self.loss, y_pred)
            self.is_checked = True
        if self.tracker is not None:
            self.tracker.add(loss, y_pred)
        return loss if self.factor is None else loss * self.factor

    def update_metrics(self, y, y_pred, sample_weight):
        for metric in self.metrics:
            metric.update_state(y, y_pred.numpy())
        for metric in self.weighted_metrics:
            metric.update_state(y, y_pred.numpy(), sample_weight)


def as_list(value):
    """Return None as an empty list, a list or tuple as a list, anything else as a list of it."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
