"""Packages that bring a provider to an engine without it; `plug_ins` registers them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ALONE: Final = "in an environment without another onnxruntime"
"""The distributions of ONNX Runtime overwrite each other's files."""

IN_FLOAT32: Final = (
    '{"CPU": {"INFERENCE_PRECISION_HINT": "f32"}, "GPU": {"INFERENCE_PRECISION_HINT": "f32"}}'
)
"""OpenVINO's plug-in computes fp32 graphs in bfloat16 where the CPU has it, in float16 on a GPU."""


@dataclass(frozen=True, kw_only=True)
class PlugIn:
    """A package of its own that an engine without the provider registers.

    Attributes:
        distribution: what pip calls it.
        module: what Python calls it.
        needs: what the machine must have.
        otherwise: what to do where the machine does not have it; empty, or begins with `; `.
        options: the provider options there are; the library takes others, and ignores them.
        defaults: options it is given unless others are asked for.
        device_option: our option that picks one of its devices; None where there is none.
        device_key: what a device's metadata calls the value of that option.
    """

    distribution: str
    module: str
    needs: str
    otherwise: str = ""
    options: frozenset[str] = frozenset()
    defaults: Mapping[str, str] = field(default_factory=dict)
    device_option: str | None = None
    device_key: str = ""


OPENVINO: Final = PlugIn(
    distribution="onnxruntime-ep-openvino",
    module="onnxruntime_ep_openvino",
    needs="a CPU, GPU or NPU of Intel",
    otherwise=f"; for other x86-64 CPUs pip install onnxruntime-openvino {ALONE}",
    options=frozenset({"device_type", "load_config", "reshape_input"}),
    defaults={"load_config": IN_FLOAT32},
    device_option="device_type",
    device_key="ov_device",
)

WEBGPU: Final = PlugIn(
    distribution="onnxruntime-ep-webgpu",
    module="onnxruntime_ep_webgpu",
    needs="a GPU with a driver for Direct3D 12, Metal or Vulkan",
)
