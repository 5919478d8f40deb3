# By tests/typing/make_stubs.py
from minigrad import activations as activations
from minigrad import backend as backend
from minigrad import callbacks as callbacks
from minigrad import config as config
from minigrad import constraints as constraints
from minigrad import datasets as datasets
from minigrad import debug as debug
from minigrad import distribution as distribution
from minigrad import initializers as initializers
from minigrad import interop as interop
from minigrad import kernels as kernels
from minigrad import lab as lab
from minigrad import layers as layers
from minigrad import losses as losses
from minigrad import metrics as metrics
from minigrad import models as models
from minigrad import optimizers as optimizers
from minigrad import plots as plots
from minigrad import preprocessing as preprocessing
from minigrad import random as random
from minigrad import regularizers as regularizers
from minigrad import saving as saving
from minigrad import testing as testing
from minigrad import utils as utils
from minigrad import wrappers as wrappers
from minigrad import ops as ops
import minigrad as keras
from minigrad.core import Function as Function
from minigrad.core import Parameter as Parameter
from minigrad.core import Tensor as Tensor
from minigrad.core import from_dlpack as from_dlpack
from minigrad.kernels import get_num_threads as get_num_threads
from minigrad.core import is_grad_enabled as is_grad_enabled
from minigrad.core import no_grad as no_grad
from minigrad.kernels import set_num_threads as set_num_threads
from minigrad.models import Sequential as Sequential
from minigrad.models import Model as Model
from minigrad.layers import Input as Input
from minigrad.layers import InputSpec as InputSpec
from minigrad.layers import Layer as Layer
from minigrad.losses import Loss as Loss
from minigrad.metrics import Metric as Metric
from minigrad.optimizers import Optimizer as Optimizer
from minigrad.initializers import Initializer as Initializer
from minigrad.regularizers import Regularizer as Regularizer
from minigrad.layers.variable import Variable as Variable
from minigrad.saving.checkpoint import Checkpoint as Checkpoint
__version__: str
def version() -> str: ...
__all__ = [
    "Function", "Parameter", "Tensor", "from_dlpack", "get_num_threads", "is_grad_enabled",
    "no_grad", "ops", "set_num_threads", "version", "Sequential", "Model", "Input", "InputSpec",
    "Layer", "Loss", "Metric", "Optimizer", "Initializer", "Regularizer", "Variable", "Checkpoint",
    "activations", "backend", "callbacks", "config", "constraints", "datasets", "debug",
    "distribution", "initializers", "interop", "keras", "kernels", "lab", "layers", "losses",
    "metrics", "models", "optimizers", "plots", "preprocessing", "random", "regularizers", "saving",
    "testing", "utils", "wrappers",
]
