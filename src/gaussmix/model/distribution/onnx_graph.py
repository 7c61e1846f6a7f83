"""A mixture as an ONNX graph in float64.

From rows to log-densities::

    X (n, D) → X − μ_k (K, n, D) → C_k⁻¹ (x − μ_k) → log π_k N(x | μ_k, Σ_k) (n, K) → log_prob, posterior, label

Rows are centred about each mean before anything is multiplied, so that nothing cancels far from the origin, and the
largest log-density is subtracted before exponentials, so that nothing underflows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gaussmix.errors import MissingDependencyError, ResourceLimitError
from gaussmix.types import Float64Array

if TYPE_CHECKING:
    from gaussmix.model.mixture import Mixture

_OPSET: Final = (
    18  # the first whose reductions all take their axes as an input; onnxruntime 1.14 and later run it
)
_IR_VERSION: Final = 8  # the file format of that opset's time
_MOST_BYTES: Final = 2**31 - 2**20  # of a protocol buffer, less what is not the factors


def onnx_bytes(mixture: Mixture) -> bytes:
    """Return the serialised graph; see ``Mixture.to_onnx``.

    Raises
    ------
    MissingDependencyError
        If onnx is not installed.
    ResourceLimitError
        If the precisions do not fit into one ONNX file.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependencyError("to_onnx needs onnx: pip install 'gaussmix[onnx]'") from error
    precision = _precision(mixture)
    if precision.nbytes > _MOST_BYTES:
        raise ResourceLimitError(
            f"to_onnx: the precisions take {precision.nbytes:,} bytes, but an ONNX file holds 2 GB: "
            "reduce the mixture or its features"
        )
    model = onnx.helper.make_model(
        _graph(mixture, precision, onnx),
        producer_name="gaussmix",
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString()
    return serialised


def _precision(mixture: Mixture) -> Float64Array:
    """Return the upper factors U with Σ⁻¹ = U Uᵀ as (K or 1, D, D), or the numbers 1/σ as (K, 1, D or 1)."""
    factors = mixture.covariances.precisions_cholesky()
    kind = mixture.covariances.scatter.name
    if kind == "diagonal":
        return factors[:, None]
    if kind == "trace":
        return factors[:, None, None]
    return factors.reshape(-1, mixture.n_features, mixture.n_features)


def _graph(mixture: Mixture, precision: Float64Array, onnx: Any) -> Any:
    helper, K, D = onnx.helper, mixture.n_components, mixture.n_features
    log_det = mixture.covariances.log_det
    constants = {
        "means": mixture.means[:, None],  # (K, 1, D)
        "precision": precision,
        "minus_half": np.array(-0.5),
        "log_constant": mixture.log_weights - 0.5 * (log_det + D * np.log(2 * np.pi)),
        "first": np.array([0]),
        "second": np.array([1]),
        "third": np.array([2]),
    }
    whiten = "MatMul" if mixture.covariances.scatter.name in ("full", "pooled", "factors") else "Mul"
    nodes = [
        helper.make_node("Unsqueeze", ["X", "first"], ["rows"]),  # (1, n, D)
        helper.make_node("Sub", ["rows", "means"], ["centred"]),  # (K, n, D)
        helper.make_node(whiten, ["centred", "precision"], ["whitened"]),
        helper.make_node("Mul", ["whitened", "whitened"], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "third"], ["distances"], keepdims=0),  # (K, n)
        helper.make_node("Transpose", ["distances"], ["distances_of_row"], perm=[1, 0]),
        helper.make_node("Mul", ["distances_of_row", "minus_half"], ["exponents"]),
        helper.make_node("Add", ["exponents", "log_constant"], ["log_joint"]),  # (n, K)
        helper.make_node("ReduceMax", ["log_joint", "second"], ["largest"], keepdims=1),
        helper.make_node("Sub", ["log_joint", "largest"], ["below"]),
        helper.make_node("Exp", ["below"], ["ratios"]),
        helper.make_node("ReduceSum", ["ratios", "second"], ["total"], keepdims=1),
        helper.make_node("Div", ["ratios", "total"], ["posterior"]),
        helper.make_node("Log", ["total"], ["log_total"]),
        helper.make_node("Add", ["largest", "log_total"], ["log_prob_of_row"]),
        helper.make_node("Squeeze", ["log_prob_of_row", "second"], ["log_prob"]),
        helper.make_node("ArgMax", ["log_joint"], ["label"], axis=1, keepdims=0),
    ]
    double, whole = onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64
    return helper.make_graph(
        nodes,
        "gaussian_mixture",
        [helper.make_tensor_value_info("X", double, ["n", D])],
        [
            helper.make_tensor_value_info("log_prob", double, ["n"]),
            helper.make_tensor_value_info("posterior", double, ["n", K]),
            helper.make_tensor_value_info("label", whole, ["n"]),
        ],
        [onnx.numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in constants.items()],
    )
