"""Intersection over union: how well predicted classes of pixels cover the true ones."""

import warnings

import numpy as np

from minigrad.metrics.base import METRICS, Metric
from minigrad.utils.arguments import whole_number
from minigrad.utils.arrays import match_weights


class IoU(Metric):
    """tp / (tp + fp + fn) of each target class, and the mean over those that have occurred.

    Elements whose label or prediction is none of the classes do not count.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
        The classes to average over, from 0 to `num_classes` - 1.
    name, dtype
        As for `Metric`.
    ignore_class : int, optional
        Elements of this label do not count.
    sparse_y_true, sparse_y_pred : bool
        Whether labels and predictions are classes; else there is a score for each class, of which
        the largest counts.
    axis : int
        Where these scores are.
    """

    direction = "up"

    def __init__(
        self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None,
        sparse_y_true=True, sparse_y_pred=True, axis=-1,
    ):  # fmt: skip
        super().__init__(dtype, name)
        self.num_classes = whole_number(self.name, "num_classes", num_classes, least=1)
        self.target_class_ids = list(target_class_ids)
        if not all(0 <= target < num_classes for target in self.target_class_ids):
            raise ValueError(
                f"{self.name}: expected target_class_ids from 0 to {num_classes - 1}, "
                f"got {self.target_class_ids}"
            )
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_weight((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add labels and predictions of one size, whole numbers or scores."""
        y_true = self._as_classes(y_true, self.sparse_y_true)
        y_pred = self._as_classes(y_pred, self.sparse_y_pred)
        if y_true.size != y_pred.size:
            raise ValueError(
                f"{self.name}: expected a prediction for each label, got labels {y_true.shape} "
                f"and predictions {y_pred.shape}; scores for each class need sparse_y_pred=False"
            )
        weights = match_weights(
            self.name, 1.0 if sample_weight is None else sample_weight, y_true.shape
        )
        weights = np.broadcast_to(weights, y_true.shape).reshape(-1)
        y_true, y_pred, n = y_true.reshape(-1), y_pred.reshape(-1), self.num_classes
        counted = (y_true >= 0) & (y_true < n) & (y_pred >= 0) & (y_pred < n)
        if self.ignore_class is not None:
            counted &= y_true != self.ignore_class
        cells = (n * y_true + y_pred)[counted].astype(int)
        self.total_cm.assign_add(np.bincount(cells, weights[counted], n * n).reshape(n, n))

    def _as_classes(self, values, is_sparse):
        """Return whole numbers, as floats: NaN, too, is none of the classes."""
        values = np.asarray(values)
        if not is_sparse:
            return values.argmax(self.axis).astype(float)
        classes = np.trunc(values.astype(float))
        if (np.isfinite(values) & (values != classes)).any():
            cure = "BinaryIoU takes probabilities, sparse_y_pred=False scores for each class"
            fault = f"expected classes, got fractions, which are cut off; {cure}"
            warnings.warn(f"{self.name}: {fault}", stacklevel=3)
        return classes

    def result(self):
        matrix = np.asarray(self.total_cm)  # of labels (rows) and predictions (columns)
        both = matrix.diagonal()
        either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
        chosen = [target for target in self.target_class_ids if either[target] != 0]
        return float(np.mean(both[chosen] / either[chosen])) if chosen else 0.0


@METRICS.register()
class BinaryIoU(IoU):
    """`IoU` of two classes, for probabilities of class 1.

    Parameters
    ----------
    target_class_ids : sequence of int
        0, 1 or both.
    threshold : float
        Predictions of at least this are class 1.
    name, dtype
        As for `Metric`.
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Add labels of 0 and 1, and probabilities."""
        super().update_state(y_true, np.asarray(y_pred) >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """`IoU` of all classes.

    Parameters
    ----------
    num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        As for `IoU`.
    """

    def __init__(
        self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_true=True,
        sparse_y_pred=True, axis=-1,
    ):  # fmt: skip
        targets = range(whole_number(type(self).__name__, "num_classes", num_classes, least=1))
        super().__init__(
            num_classes, targets, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        )


class OneHotIoU(IoU):
    """`IoU` for labels in one-hot rows.

    Parameters
    ----------
    num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis
        As for `IoU`.
    """

    def __init__(
        self, num_classes, target_class_ids, name=None, dtype=None, ignore_class=None,
        sparse_y_pred=False, axis=-1,
    ):  # fmt: skip
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


class OneHotMeanIoU(MeanIoU):
    """`IoU` of all classes for labels in one-hot rows.

    Parameters
    ----------
    num_classes, name, dtype, ignore_class, sparse_y_pred, axis
        As for `IoU`.
    """

    def __init__(
        self, num_classes, name=None, dtype=None, ignore_class=None, sparse_y_pred=False, axis=-1
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
