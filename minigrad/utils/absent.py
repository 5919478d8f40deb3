"""What Keras has and minigrad has not: why, and the nearest thing that is there.

A module of minigrad that is asked for a name that it does not have looks into ``ABSENT``. So
``minigrad.layers.LSTM`` is an AttributeError, and ``from minigrad.layers import LSTM`` an
ImportError, that says what to use instead. The page ``docs/absent.md`` shows the table.
"""

_RECURRENT = "recurrent layers are outside of minigrad", "layers.Conv1D along the sequence"
_ATTENTION = "attention is outside of minigrad", "ops.matmul and ops.softmax in a Layer of your own"
_VOLUMES = "layers are for sequences and images, not volumes", "the layer's 2D form"
_AUDIO = "audio is outside of minigrad", "numpy.fft, before training"
_COMPLEX = "there are no complex numbers", "NumPy, before training"
_TEXTS = "texts become numbers before the model", "preprocessing.text.Tokenizer"
_HASHES = "the hash is TensorFlow's", "layers.StringLookup, IntegerLookup, CategoryEncoding"
_ADAPTIVE = "all windows are of one size", "AveragePooling2D, GlobalAveragePooling2D and kin"
_COLORS = (
    "minigrad changes images in seven ways",
    "layers.RandomBrightness, RandomContrast, RandomCrop, RandomFlip, RandomRotation, "
    "RandomTranslation, RandomZoom",
)
_IMAGES = "layers change images", "layers.Resizing, Rescaling, RandomRotation and kin"
_PATCHES = "convolutions make their own patches", "ops.conv, numpy.lib.stride_tricks"
_BOXES = "boxes are outside of minigrad", "arrays of their coordinates"
_OTHER_LIBRARY = (
    "it needs TensorFlow, JAX or PyTorch below",
    "layers.Lambda, or a Layer of your own",
)
_JAX = "it is JAX's", "nothing: leave it out"
_TENSORFLOW = "it is TensorFlow's", "minigrad.ops, or NumPy"
_SESSIONS = "values are there at once", "nothing: leave it out"
_RULE = "not among the rules", "optimizers.Adam, or a rule of your own (docs: own_optimizer.md)"
_ALGEBRA = "not among the ops", "ops.inv, ops.solve; numpy.linalg, scipy.linalg"
_OPS = "the ops have it", "minigrad.ops: cumsum, flip, pad, repeat, tile and kin"
_OWN_OPS = "an op has its backward", "minigrad.Function (docs: own_op.md)"
_VARIABLES = "variables have methods for it", "weight.assign, assign_add, assign_sub, numpy"
_LOOPS = "Python runs as it is written, nothing is traced", "Python's own if, for and while"
_FLOATS = "float32 and float64 are the only types", 'dtype="float64" of a layer, config.set_floatx'
_WEIGHTS = "weights that others trained are outside of minigrad", "a model of your own layers"
_MASKS = "there are no masks", 'pad alike and give sample_weight, or loss="..." with ignore_class'
_SCOPES = "objects keep their own state", "the object itself"
_ONE_CPU = "it runs on one computer's CPU", "minigrad.set_num_threads, minigrad.distribution"
_BATCHES = "batches are made as they are needed", "utils.PyDataset given to fit"
_KERAS_1 = "Keras 2 took it away"
_INSIDE = "it is about Keras's insides", "model.inputs, model.layers, model.summary()"

# Family -> rows of names, why they are not here, the nearest thing that is.
ABSENT = {
    "": [
        ("applications", *_WEIGHTS),
        ("mixed_precision dtype_policies DTypePolicy FloatDTypePolicy quantizers Quantizer",
         *_FLOATS),
        ("device", *_ONE_CPU),
        ("export", "a model exports itself, as ONNX", 'model.export("model.onnx")'),
        ("distillation", "there is no ready-made teacher", "a Model with a train_step of its own"),
        ("visualization", "boxes and masks are outside of minigrad", "minigrad.plots, matplotlib"),
        ("RematScope remat", "backward keeps what it needs", "a smaller batch_size"),
        ("KerasTensor", "a value to come is a Symbol", "minigrad.Input, symbolic.Symbol"),
        ("Operation", "an op is a function", "a Layer of your own, minigrad.Function"),
        ("StatelessScope SymbolicScope name_scope", *_SCOPES),
        ("tree", "structures are lists, tuples and dicts", "utils.structures"),
        ("legacy src api", "there are no older layers", "the names without it"),
        ("GradientTape", "every tensor remembers what made it",
         "loss.backward(), then weight.grad"),
        ("function py_function", *_LOOPS),
        ("Session placeholder reset_default_graph", *_SESSIONS),
        ("data", "it is TensorFlow's", "arrays, utils.PyDataset, or a generator of batches"),
        ("set_random_seed", "it is among the helpers", "utils.set_random_seed"),
        ("nn constant convert_to_tensor reduce_mean reduce_sum matmul cast compat estimator image"
         " io linalg lite math", *_TENSORFLOW),
    ],
    "backend": [
        ("function", *_LOOPS),
        ("gradients", "nothing is traced", "tensor.backward(), then tensor.grad"),
        ("learning_phase set_learning_phase in_train_phase in_test_phase learning_phase_scope",
         "each call says whether it trains", "model(x, training=True), call(self, x, training)"),
        ("placeholder", "values to come are Symbols", "minigrad.Input"),
        ("get_session set_session Session manual_variable_initialization", *_SESSIONS),
        ("rnn", *_RECURRENT),
        ("ctc_batch_cost ctc_decode ctc_label_dense_to_sparse", *_AUDIO),
        ("is_sparse to_dense", "tensors are dense", "scipy.sparse arrays given to fit"),
        ("foldl foldr map_fn switch while_loop", *_LOOPS),
        ("name_scope", *_SCOPES),
        ("result_type standardize_dtype is_float_dtype is_int_dtype", *_FLOATS),
        ("conv3d pool3d resize_volumes", *_VOLUMES),
        ("separable_conv1d separable_conv2d depthwise_conv2d conv2d_transpose conv1d local_conv1d"
         " local_conv2d", "the layers call it", "layers.SeparableConv2D and kin"),
        ("resize_images", *_IMAGES),
        ("is_keras_tensor", "a value to come is a Symbol", "isinstance(x, symbolic.Symbol)"),
        ("arange cumprod cumsum eye in_top_k repeat repeat_elements reverse spatial_2d_padding"
         " temporal_padding tile", *_OPS),
        ("batch_get_value batch_set_value moving_average_update update update_add update_sub",
         *_VARIABLES),
        ("print_tensor", "values are there at once", "print(x)"),
        ("eager tensorflow_backend theano_backend cntk_backend", *_TENSORFLOW),
    ],
    "callbacks": [
        ("BaseLogger", "fit averages what it shows", "callbacks.History, callbacks.CSVLogger"),
        ("OrbaxCheckpoint", "it is JAX's", "callbacks.ModelCheckpoint, BackupAndRestore"),
        ("RemoteMonitor", "it sends logs to a server", "callbacks.LambdaCallback"),
        ("SwapEMAWeights", "averages are the optimizer's",
         "use_ema=True of an optimizer, and its finalize_variable_values"),
    ],
    "config": [
        ("dtype_policy set_dtype_policy", *_FLOATS),
        ("disable_flash_attention enable_flash_attention is_flash_attention_enabled", *_ATTENTION),
        ("enable_unsafe_deserialization", "code in a file is never run",
         "custom_objects= of load_model"),
        ("experimental list_physical_devices threading", *_ONE_CPU),
        ("is_nnx_enabled", *_JAX),
    ],
    "distribution": [
        ("DeviceMesh LayoutMap ModelParallel TensorLayout distribute_tensor",
         "every rank has the whole model, and a share of the samples", "distribution.DataParallel"),
    ],
    "initializers": [("STFT STFTInitializer stft", *_AUDIO)],
    "layers": [
        ("LSTM LSTMCell GRU GRUCell SimpleRNN SimpleRNNCell RNN AbstractRNNCell StackedRNNCells"
         " Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D CuDNNLSTM CuDNNGRU Recurrent",
         *_RECURRENT),
        ("Attention AdditiveAttention MultiHeadAttention GroupQueryAttention", *_ATTENTION),
        ("Masking", *_MASKS),
        ("AveragePooling3D AvgPool3D Conv3D Conv3DTranspose Convolution3D Convolution3DTranspose"
         " Cropping3D GlobalAveragePooling3D GlobalAvgPool3D GlobalMaxPool3D GlobalMaxPooling3D"
         " MaxPool3D MaxPooling3D SpatialDropout3D UpSampling3D ZeroPadding3D"
         " AdaptiveAveragePooling3D AdaptiveMaxPooling3D", *_VOLUMES),
        ("AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveMaxPooling1D"
         " AdaptiveMaxPooling2D", *_ADAPTIVE),
        ("AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization"
         " MixUp RandAugment RandomColorDegeneration RandomColorJitter RandomElasticTransform"
         " RandomErasing RandomGaussianBlur RandomGrayscale RandomHeight RandomHue RandomInvert"
         " RandomPerspective RandomPosterization RandomSaturation RandomSharpness RandomShear"
         " RandomWidth Solarization", *_COLORS),
        ("MaxNumBoundingBoxes", *_BOXES),
        ("TextVectorization", *_TEXTS),
        ("Hashing HashedCrossing", *_HASHES),
        ("MelSpectrogram STFTSpectrogram", *_AUDIO),
        ("FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper", *_OTHER_LIBRARY),
        ("SpectralNormalization", "it changes another layer's weights",
         "kernel_constraint= of the layer, or a Constraint of your own"),
        ("Wrapper", "nothing is wrapped", "a Layer that holds the layer in an attribute"),
        ("Pipeline", "a row of layers is a model", "minigrad.Sequential"),
        ("EinsumDense", "Dense works on the last axis", "ops.einsum in a Layer of your own"),
        ("ReversibleEmbedding", "a layer has one direction",
         "layers.Embedding, and ops.matmul with its weight"),
        ("SyncBatchNormalization", "there is one replica", "layers.BatchNormalization"),
        ("LocallyConnected1D LocallyConnected2D", "Keras 3 took it away", "layers.Conv2D"),
        ("ThresholdedReLU", "Keras 3 took it away", "layers.ReLU(threshold=...)"),
        ("Merge", _KERAS_1, "layers.add, concatenate, multiply and kin"),
        ("MaxoutDense Highway", _KERAS_1, "layers.Maximum of several Dense"),
        ("AtrousConvolution1D AtrousConvolution2D AtrousConv2D", _KERAS_1,
         "layers.Conv2D(dilation_rate=)"),
        ("DenseFeatures", "it is TensorFlow's",
         "layers.Normalization, CategoryEncoding, Concatenate"),
    ],
    "layers.Layer": [
        ("compute_mask", *_MASKS),
        ("enable_lora", "weights that others trained are outside of minigrad",
         "trainable = False for some layers"),
        ("quantize quantized_call", *_FLOATS),
        ("stateless_call", *_SCOPES),
        ("symbolic_call compute_output_spec", "a value to come is a Symbol",
         "layer(minigrad.Input(shape)), layer.compute_output_shape(shape)"),
        ("get_input_at get_output_at inbound_nodes outbound_nodes", "models know their calls",
         "layer.input, layer.output, lab.Watch"),
        ("add_update updates", "Keras 3 took it away", "weight.assign in call"),
        ("add_metric", "Keras 3 took it away", "metrics= of compile, or a Metric in an attribute"),
    ],
    "losses": [("CTC ctc", *_AUDIO)],
    "models": [
        ("model_from_config", "a model makes itself", "Sequential.from_config, Model.from_config"),
        ("model_from_yaml", "Keras 2 took it away", "model.to_json, models.model_from_json"),
    ],
    "models.Model": [
        ("make_predict_function make_test_function make_train_function predict_function"
         " test_function", "fit calls the steps themselves",
         "train_step, test_step, predict_step"),
        ("jit_compile run_eagerly steps_per_execution", "models are not compiled",
         "nothing: leave it out"),
        ("get_state_tree set_state_tree stateless_compute_loss", *_SCOPES),
        ("reset_states", *_RECURRENT),
        ("to_yaml", "Keras 2 took it away", "model.to_json"),
    ],
    "ops": [
        ("associative_scan vectorize", *_LOOPS),
        ("custom_gradient jvp vjp", *_OWN_OPS),
        ("angle conj conjugate eig fft fft2 ifft2 imag irfft polar real rfft view_as_complex"
         " view_as_real", *_COMPLEX),
        ("extract_sequences istft stft ctc_decode ctc_loss", *_AUDIO),
        ("dot_product_attention", *_ATTENTION),
        ("adaptive_average_pool adaptive_max_pool", *_ADAPTIVE),
        ("fold unfold extract_patches extract_patches_3d", *_PATCHES),
        ("affine_transform crop_images elastic_transform gaussian_blur hsv_to_rgb map_coordinates"
         " pad_images perspective_transform resize rgb_to_grayscale rgb_to_hsv"
         " scale_and_translate sobel_edges ssim", *_IMAGES),
        ("cholesky_inverse lu_factor solve_triangular", *_ALGEBRA),
        ("rearrange", "its patterns are einops's", "ops.reshape, ops.transpose, ops.einsum"),
        ("view", "a tensor has one type", "ops.cast; NumPy's view of an array"),
    ],
    "optimizers": [
        ("Ftrl Lamb ScheduleFreeAdamW", *_RULE),
        ("LossScaleOptimizer", *_FLOATS),
        ("MultiOptimizer OptimizerMap", "one optimizer trains a model",
         "two optimizers in a train_step of your own"),
        ("TFOptimizer", "it is TensorFlow's", "optimizers.Adam and kin"),
    ],
    "optimizers.Optimizer": [
        ("get_gradients get_updates minimize", "every tensor remembers what made it",
         "loss.backward(), then optimizer.apply(gradients, weights)"),
        ("stateless_apply", *_SCOPES),
    ],
    "utils": [
        ("model_to_dot", "pictures are drawn without graphviz", "utils.plot_model"),
        ("FeatureSpace", "each column has its layer",
         "layers.Normalization, Discretization, StringLookup, CategoryEncoding"),
        ("text_dataset_from_directory", *_TEXTS),
        ("audio_dataset_from_directory", *_AUDIO),
        ("bounding_boxes", *_BOXES),
        ("multi_gpu_model", *_ONE_CPU),
        ("GeneratorEnqueuer OrderedEnqueuer SequenceEnqueuer", *_BATCHES),
        ("HDF5Matrix", _KERAS_1, "h5py's arrays, read with [...]"),
        ("Config convert_all_kernels_in_model get_source_inputs layer_from_config legacy"
         " print_summary", *_INSIDE),
        ("is_keras_tensor", "a value to come is a Symbol", "isinstance(x, symbolic.Symbol)"),
        ("standardize_dtype", *_FLOATS),
        ("probas_to_classes", _KERAS_1, "predict(x).argmax(axis=-1)"),
    ],
    "wrappers": [
        ("scikit_learn KerasClassifier KerasRegressor", "Keras 3 calls them otherwise",
         "wrappers.SKLearnClassifier, SKLearnRegressor"),
    ],
}  # fmt: skip


def explain_absence(family, name):
    """Return what to tell who asks a family for a name of Keras's that it has not; else None.

    Parameters
    ----------
    family : str
        "layers", "optimizers.schedules"; "" for minigrad itself.
    name : str
    """
    for names, why, nearest in ABSENT.get(family, ()):
        if name in names.split():
            path = f"minigrad.{family}.{name}" if family else f"minigrad.{name}"
            return f"{path} is not in minigrad: {why}; nearest: {nearest}; see Coming from Keras"
    return None


def missing_attribute(instance, name):
    """Return the AttributeError for an attribute that a layer, model or optimizer has not."""
    classes = {cls.__name__ for cls in type(instance).__mro__}
    families = [family for family in ABSENT if family.rpartition(".")[2] in classes]
    texts = (explain_absence(family, name) for family in families)
    no_such = f"{type(instance).__name__!r} object has no attribute {name!r}"
    text = "; ".join([no_such, *filter(None, texts)][:2])
    return AttributeError(text, name=name, obj=instance)  # Python adds the nearest name
