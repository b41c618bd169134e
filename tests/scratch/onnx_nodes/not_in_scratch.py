"""The cases of ONNX's operators that nothing in scratch computes, with the reason of each.

A name may be a pattern. Every pattern must name a case, and no case that it names may be computed.
"""

from fnmatch import fnmatchcase

__all__ = ["NOT_IN_SCRATCH", "reason_of"]

_VOLUME = "three dimensions: scratch has sequences and images"
_SMALLER = "an upsampling layer makes an image larger, by a whole factor"
_SCORES = "the scores before the softmax are not an output of `attend`, only the weights after it"
_NOWHERE = "a query that may look nowhere finds 0 in ONNX, in scratch the mean of everything"
_UNEVEN = "repeated pixels: of the ways to round a place, scratch has the one that repeats evenly"

NOT_IN_SCRATCH = {
    "averagepool_3d_*": _VOLUME,
    "maxpool_3d_*": _VOLUME,
    "convtranspose_3d": _VOLUME,
    "averagepool_2d_dilations": "a mean of pixels apart: neither Keras nor PyTorch has it",
    "maxpool_with_argmax_*": "the places of the maxima, which no layer returns",
    "edge_pad": "a border of the outermost pixels; scratch pads with zeros",
    "reflect_pad": "a border of mirrored pixels; scratch pads with zeros",
    "wrap_pad": "a border of the opposite side; scratch pads with zeros",
    "gemm_default_matrix_bias": "another bias for each row, which is no dense layer",
    "resize_downsample_*": _SMALLER,
    "resize_upsample_sizes_nearest": _SMALLER,  # by 3.5
    "resize_upsample_sizes_nearest_axes_*": _SMALLER,
    "resize_upsample_sizes_nearest_not_larger": _SMALLER,
    "resize_upsample_scales_linear_half_pixel_symmetric": _SMALLER,  # by 2.3 and 2.94
    "resize_upsample_sizes_nearest_floor_align_corners": _UNEVEN,
    "resize_upsample_sizes_nearest_round_prefer_ceil_asymmetric": _UNEVEN,
    "resize_upsample_sizes_nearest_ceil_half_pixel": _UNEVEN,
    "resize_upsample_*_cubic*": "cubic interpolation",
    "resize_tf_crop_and_resize*": "a part of an image, resized: its coordinates are an input",
    "lstm_with_peepholes": "peepholes, from the cell to the gates: no framework's LSTM has them",
    "attention_*softcap*": "scores held within bounds by a tangent",
    "attention_local_window_gqa_rank4_mask": "scores held within bounds by a tangent",
    "attention_*_qk_matmul": _SCORES,
    "attention_*_qk_matmul_bias*": _SCORES,
    "attention_4d_causal_padded_kv_bf16": _NOWHERE,
    "attention_*_nan_robustness": _NOWHERE,
    "attention_4d_causal_nonpad_negative_offset_structural_empty": _NOWHERE,
    "attention_*_qk_matmul_output_mode3_*": _NOWHERE,
}


def reason_of(name: str) -> str | None:
    """Return why a case is not in scratch, or None for one that is."""
    reasons = (why for pattern, why in NOT_IN_SCRATCH.items() if fnmatchcase(name, pattern))
    return next(reasons, None)
