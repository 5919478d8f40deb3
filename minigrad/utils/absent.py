"""What Keras has and minigrad has not: why, and the nearest thing that is there.

A module of minigrad that is asked for a name that it does not have looks into ``ABSENT``. So
``minigrad.layers.LSTM`` is an AttributeError, and ``from minigrad.layers import LSTM`` an
ImportError, that says what to use instead.
"""

_RECURRENT = "recurrent layers are outside of minigrad", "layers.Conv1D along the sequence"
_ATTENTION = "attention is outside of minigrad", "layers.Dot and layers.Softmax"
_VOLUMES = "layers are for sequences and images, not volumes", "the layer's 2D form"
_TEXT = "text and categories are outside of minigrad", "utils.to_categorical of integers"
_AUDIO = "audio is outside of minigrad", "numpy.fft, before training"
_OTHER_LIBRARY = (
    "it needs TensorFlow, JAX or PyTorch below",
    "layers.Lambda, or a Layer of your own",
)
_IMAGES = "not among the random layers", "layers.RandomContrast, RandomFlip, RandomZoom and kin"
_RULE = "not among the rules", "optimizers.Adam, or a rule of your own (docs: own_optimizer.md)"
_NUMPY = (
    "minigrad has the ops that its layers need",
    "NumPy's function for values; an op of your own for gradients (docs: own_op.md)",
)
_LOOPS = "Python runs as it is written, nothing is traced", "Python's own if, for and while"
_CONFIG = "objects are told by their class and arguments", "minigrad.saving"
_FLOATS = "float32 and float64 are the only types", 'dtype="float64" of a layer, config.set_floatx'
_WEIGHTS = "weights that others trained are outside of minigrad", "a model of your own layers"
_MASKS = "there are no masks", 'pad alike and give sample_weight, or loss="..." with ignore_class'
_SCOPES = "objects keep their own state", "the object itself"
_TENSORFLOW = "it is TensorFlow's", "minigrad.ops, or NumPy"

# Family -> rows of names, why they are not here, the nearest thing that is.
ABSENT = {
    "*": [("serialize deserialize", *_CONFIG)],  # of every family
    "": [
        ("GradientTape", "every tensor remembers what made it",
         "loss.backward(), then weight.grad"),
        ("function py_function", *_LOOPS),
        ("nn constant convert_to_tensor reduce_mean reduce_sum matmul cast", *_TENSORFLOW),
        ("data", "it is TensorFlow's", "arrays, utils.PyDataset, or a generator of batches"),
        ("applications", *_WEIGHTS),
        ("KerasTensor", "a value to come is a Symbol", "minigrad.Input, symbolic.Symbol"),
        ("Operation", "an op is a function", "a Layer of your own, minigrad.Function"),
        ("InputSpec", "layers check what they are given", "Layer.rank, min_rank and fixed_axes"),
        ("DTypePolicy FloatDTypePolicy dtype_policies mixed_precision", *_FLOATS),
        ("Quantizer quantizers", *_FLOATS),
        ("StatelessScope SymbolicScope name_scope", *_SCOPES),
        ("RematScope remat", "backward keeps what it needs", "a smaller batch_size"),
        ("device distribution", "it runs on one computer's CPU", "minigrad.set_num_threads"),
        ("distillation", "there is no ready-made teacher", "a Model with a train_step of its own"),
        ("export", "there is no other program to run models", "model.save"),
        ("tree", "structures are lists, tuples and dicts", "utils.structures"),
        ("visualization", "boxes and masks are outside of minigrad", "minigrad.plots, matplotlib"),
        ("wrappers", "it needs scikit-learn", "compile, fit and predict in a class of your own"),
        ("estimator", *_TENSORFLOW),
        ("set_random_seed", "it is among the helpers", "minigrad.utils.set_random_seed"),
        ("legacy src api", "there are no older layers", "the names without it"),
        ("preprocessing", "it moved", "minigrad.utils"),
        ("saving", *_CONFIG),
    ],
    "activations": [],
    "backend": [
        ("function", *_LOOPS),
        ("gradients", "nothing is traced", "tensor.backward(), then tensor.grad"),
        ("learning_phase set_learning_phase in_train_phase in_test_phase learning_phase_scope",
         "each call says whether it trains", "model(x, training=True); `training` of call"),
        ("placeholder", "values to come are Symbols", "minigrad.Input"),
        ("get_session set_session Session manual_variable_initialization",
         "there is no session", "nothing: values are there at once"),
        ("rnn", *_RECURRENT),
        ("ctc_batch_cost ctc_decode ctc_label_dense_to_sparse", *_AUDIO),
        ("is_sparse to_dense", "tensors are dense", "scipy.sparse arrays given to fit"),
        ("foldl foldr map_fn switch while_loop", *_LOOPS),
        ("name_scope", *_SCOPES),
        ("result_type standardize_dtype is_float_dtype is_int_dtype", *_FLOATS),
        ("conv3d pool3d", *_VOLUMES),
        ("separable_conv1d separable_conv2d depthwise_conv2d conv2d_transpose conv1d local_conv1d"
         " local_conv2d", "the layers call it", "layers.SeparableConv2D and kin"),
        ("is_keras_tensor", "a value to come is a Symbol", "isinstance(x, symbolic.Symbol)"),
        ("cumsum cumprod reverse spatial_2d_padding temporal_padding resize_images resize_volumes"
         " repeat repeat_elements tile arange eye batch_set_value batch_get_value print_tensor"
         " moving_average_update update update_add update_sub in_top_k ctc", *_NUMPY),
        ("eager tensorflow_backend theano_backend cntk_backend", *_TENSORFLOW),
    ],
    "callbacks": [
        ("BackupAndRestore", "fit does not resume by itself", "callbacks.ModelCheckpoint"),
        ("OrbaxCheckpoint", "it is JAX's", "callbacks.ModelCheckpoint"),
        ("RemoteMonitor", "it sends logs to a server", "callbacks.LambdaCallback"),
        ("SwapEMAWeights", "averages are the optimizer's", "SGD(use_ema=True) and every other"),
        ("TensorBoard", "it writes TensorFlow's files", "callbacks.CSVLogger, lab.Recorder, plots"),
    ],
    "config": [
        ("set_dtype_policy dtype_policy", *_FLOATS),
        ("disable_flash_attention enable_flash_attention is_flash_attention_enabled", *_ATTENTION),
        ("enable_unsafe_deserialization", "code in a file is never run", "custom_objects"),
        ("list_physical_devices experimental threading", "it runs on one computer's CPU",
         "nothing: leave it out; minigrad.set_num_threads"),
        ("is_nnx_enabled", "it is JAX's", "nothing: leave it out"),
    ],
    "constraints": [],
    "datasets": [
        ("boston_housing california_housing cifar10 cifar100 imdb reuters",
         "not among the data sets", "datasets.mnist, fashion_mnist"),
    ],
    "initializers": [
        ("STFT STFTInitializer stft", *_AUDIO),
        ("IdentityInitializer", "it has another name", "initializers.Identity"),
        ("OrthogonalInitializer", "it has another name", "initializers.Orthogonal"),
    ],
    "layers": [
        ("LSTM LSTMCell GRU GRUCell SimpleRNN SimpleRNNCell RNN StackedRNNCells Bidirectional"
         " ConvLSTM1D ConvLSTM2D ConvLSTM3D CuDNNLSTM CuDNNGRU Recurrent", *_RECURRENT),
        ("TimeDistributed", "layers work on the last axis anyway",
         "the layer itself, or Reshape"),
        ("Wrapper SpectralNormalization Pipeline", "there are no wrappers",
         "a Layer that holds the layer in an attribute"),
        ("Attention AdditiveAttention MultiHeadAttention GroupQueryAttention", *_ATTENTION),
        ("Masking", *_MASKS),
        ("AveragePooling3D AvgPool3D Conv3D Conv3DTranspose Convolution3D Convolution3DTranspose"
         " Cropping3D GlobalAveragePooling3D GlobalAvgPool3D GlobalMaxPool3D GlobalMaxPooling3D"
         " MaxPool3D MaxPooling3D SpatialDropout3D UpSampling3D ZeroPadding3D"
         " AdaptiveAveragePooling3D AdaptiveMaxPooling3D", *_VOLUMES),
        ("AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveMaxPooling1D"
         " AdaptiveMaxPooling2D", "windows are of one size", "layers.GlobalAveragePooling2D"),
        ("CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup StringLookup"
         " TextVectorization", *_TEXT),
        ("MelSpectrogram STFTSpectrogram", *_AUDIO),
        ("FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper", *_OTHER_LIBRARY),
        ("AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix Equalization"
         " MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomCrop"
         " RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale RandomHue"
         " RandomInvert RandomPerspective RandomPosterization RandomSaturation RandomSharpness"
         " RandomShear RandomHeight RandomWidth Solarization", *_IMAGES),
        ("MaxNumBoundingBoxes", "boxes are outside of minigrad", "an array of their coordinates"),
        ("Resizing", "images are resized once, before training", "layers.CenterCrop, UpSampling2D"),
        ("Conv1DTranspose Convolution1DTranspose", "sequences are not enlarged so",
         "layers.UpSampling1D and Conv1D, or Reshape and Conv2DTranspose"),
        ("SeparableConv1D SeparableConvolution1D DepthwiseConv1D", "only for images",
         "layers.Conv1D, or Reshape and SeparableConv2D"),
        ("LocallyConnected1D LocallyConnected2D", "Keras 3 has them no more", "layers.Conv2D"),
        ("EinsumDense", "there is no einsum", "layers.Dense, Permute and Reshape"),
        ("RMSNormalization", "not among the normalizations", "layers.LayerNormalization"),
        ("ReversibleEmbedding", "not there", "layers.Embedding"),
        ("ActivityRegularization", "every layer has it", "activity_regularizer= of a layer"),
        ("AlphaDropout", "not among the noises", "layers.Dropout, GaussianDropout"),
        ("ThresholdedReLU", "Keras 3 has it no more", "layers.ReLU(threshold=...)"),
        ("InputSpec", "layers check what they are given", "Layer.rank, min_rank and fixed_axes"),
        ("Merge merge", "Keras 2 took it away", "layers.add, concatenate, multiply and kin"),
        ("MaxoutDense Highway", "Keras 2 took it away", "layers.Maximum of several Dense"),
        ("AtrousConvolution1D AtrousConvolution2D AtrousConv2D", "Keras 2 took it away",
         "layers.Conv2D(dilation_rate=)"),
        ("DenseFeatures", *_TEXT),
    ],
    "losses": [
        ("CTC ctc", *_AUDIO),
        ("BinaryFocalCrossentropy CategoricalFocalCrossentropy binary_focal_crossentropy"
         " categorical_focal_crossentropy CategoricalGeneralizedCrossEntropy"
         " categorical_generalized_cross_entropy Circle circle Dice dice Tversky tversky",
         "not among the losses",
         "losses.BinaryCrossentropy, CategoricalCrossentropy, or a function of your own"),
    ],
    "metrics": [
        ("IoU BinaryIoU MeanIoU OneHotIoU OneHotMeanIoU", "not among the metrics",
         "metrics.F1Score, metrics.Precision and Recall"),
        ("PearsonCorrelation ConcordanceCorrelation pearson_correlation concordance_correlation",
         "not among the metrics", "metrics.R2Score, CosineSimilarity"),
        ("huber binary_focal_crossentropy categorical_focal_crossentropy", "it is a loss",
         "minigrad.losses, whose functions serve as metrics"),
    ],
    "models": [
        ("clone_model load_model model_from_json model_from_yaml model_from_config save_model",
         *_CONFIG),
    ],
    "ops": [
        ("cond fori_loop while_loop scan associative_scan map vectorized_map switch", *_LOOPS),
        ("custom_gradient vjp jvp", "an op has its backward",
         "minigrad.Function (docs: own_op.md)"),
        ("stop_gradient", "a tensor can leave its graph", "tensor.detach()"),
        ("convert_to_tensor", "arrays are taken as they are", "minigrad.Tensor(x)"),
        ("convert_to_numpy", "a tensor has its values", "tensor.numpy()"),
        ("ctc_decode ctc_loss stft istft rfft irfft fft fft2 ifft2 extract_sequences", *_AUDIO),
        ("dot_product_attention", *_ATTENTION),
        ("batch_normalization", "it has another name", "ops.batch_norm, layers.BatchNormalization"),
        ("average_pool max_pool conv_transpose depthwise_conv separable_conv"
         " adaptive_average_pool adaptive_max_pool", "they are for images",
         "ops.avg_pool2d, max_pool2d, conv2d; the layers"),
        ("adaptive_avg_pool affine_transform crop_images elastic_transform extract_patches"
         " extract_patches_3d gaussian_blur hsv_to_rgb map_coordinates pad_images"
         " perspective_transform resize rgb_to_grayscale rgb_to_hsv scale_and_translate"
         " sobel_edges ssim psnr", "images change in layers", "layers.RandomRotation, RandomZoom"),
        ("absolute celu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh log_sigmoid"
         " relu6 soft_shrink softsign sparse_plus sparse_sigmoid sparsemax squareplus swish"
         " tanh_shrink threshold", "it is an activation", "minigrad.activations"),
        ("binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy",
         "it is a loss", "minigrad.losses"),
        ("one_hot multi_hot normalize", "it is for arrays", "utils.to_categorical, normalize"),
        ("layer_normalization rms_normalization", "it is a layer", "layers.LayerNormalization"),
        ("dtype is_tensor cast saturate_cast view_as_complex view_as_real", *_FLOATS),
        ("all allclose amax amin angle any append arange arccos arccosh arcsin arcsinh arctan"
         " arctan2 arctanh argpartition argsort array array_split average bartlett bincount"
         " bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or"
         " bitwise_right_shift bitwise_xor blackman cbrt cdist ceil cholesky cholesky_inverse conj"
         " conjugate copy corrcoef correlate cosh count_nonzero cross cumprod cumsum deg2rad"
         " depth_to_space det diag diagflat diagonal diff digitize divide divide_no_nan dot dsplit"
         " dstack eig eigh einsum empty empty_like equal erf erfc erfinv exp2 expm1 eye fabs flip"
         " fliplr flipud floor floor_divide fmax fmin fmod fold full full_like gcd geomspace"
         " get_item greater greater_equal hamming hanning heaviside histogram hsplit hstack hypot"
         " i0 identity imag in_top_k inner inv isclose isfinite isin isinf isnan isneginf isposinf"
         " isreal kaiser kron lcm ldexp left_shift less less_equal linspace log10 log1p log2"
         " logaddexp logaddexp2 logdet logical_and logical_not logical_or logical_xor logspace"
         " lstsq lu_factor matrix_rank median meshgrid mod moments moveaxis multiply nan_to_num"
         " nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile"
         " nanprod nanquantile"
         " nanstd nansum nanvar ndim negative nextafter nonzero not_equal ones ones_like outer"
         " percentile pinv polar positive power prod ptp qr quantile rad2deg ravel real reciprocal"
         " rearrange remainder repeat reversed right_shift roll rot90 round rsqrt scatter"
         " scatter_update searchsorted segment_max segment_min segment_prod segment_sum select"
         " shuffle sign"
         " signbit sinc sinh size slice slice_update slogdet solve solve_triangular sort"
         " space_to_depth split subtract svd swapaxes take take_along_axis tan tensordot tile"
         " top_k trace trapezoid tri tril triu true_divide trunc unfold unique unravel_index"
         " unstack vander vdot vectorize view vsplit vstack zeros zeros_like", *_NUMPY),
    ],
    "optimizers": [
        ("Adafactor Ftrl Lamb Muon ScheduleFreeAdamW", *_RULE),
        ("LossScaleOptimizer", *_FLOATS),
        ("MultiOptimizer OptimizerMap", "one optimizer trains a model",
         "two optimizers in a train_step of your own"),
        ("TFOptimizer", *_TENSORFLOW),
    ],
    "optimizers.schedules": [],
    "random": [
        ("beta binomial categorical dropout gamma randint shuffle truncated_normal",
         "layers need no more", "minigrad.random.generator(), a numpy.random.Generator"),
    ],
    "regularizers": [],
    "utils": [
        ("FeatureSpace audio_dataset_from_directory text_dataset_from_directory", *_TEXT),
        ("bounding_boxes", "boxes are outside of minigrad", "arrays of their coordinates"),
        ("multi_gpu_model", "it runs on one computer's CPU", "minigrad.set_num_threads"),
        ("Config get_source_inputs legacy is_keras_tensor standardize_dtype HDF5Matrix"
         " print_summary convert_all_kernels_in_model layer_from_config",
         "it is about Keras's insides", "model.inputs, model.summary()"),
        ("CustomObjectScope custom_object_scope deserialize_keras_object get_custom_objects"
         " get_registered_name get_registered_object register_keras_serializable"
         " serialize_keras_object", *_CONFIG),
        ("get_file", "files are read where they are", "urllib.request.urlretrieve, datasets"),
        ("array_to_img img_to_array load_img save_img image_dataset_from_directory",
         "images are arrays", "numpy.asarray(PIL.Image.open(path))"),
        ("model_to_dot plot_model", "a model is told in a table", "model.summary(), lab.Graph"),
        ("pad_sequences timeseries_dataset_from_array split_dataset", "data are arrays",
         "NumPy's slices; validation_split of fit"),
        ("pack_x_y_sample_weight unpack_x_y_sample_weight", "a batch is a tuple",
         "x, y = data in train_step"),
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
    for names, why, nearest in (*ABSENT.get(family, ()), *ABSENT["*"]):
        if name in names.split():
            path = f"minigrad.{family}.{name}" if family else f"minigrad.{name}"
            return f"{path} is not in minigrad: {why}; nearest: {nearest}; see Coming from Keras"
    return None
