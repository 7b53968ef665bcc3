"""A graph's ranges of bytes lie inside their file, and in another graph inside one tensor."""

from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, TensorProto

from edgebert_runtime.bundle.external_data import check_external_data
from edgebert_runtime.bundle.manifest import ExternalRange
from edgebert_runtime.bundle.protobuf_reader import read_tensors
from edgebert_runtime.bundle.weight_sharing import ALIGNMENT, aligned, sharing
from edgebert_runtime.errors import BundleError, UnsafePathError

FILES = ("onnx/thin.onnx", "onnx/whole.onnx", "onnx/data")


def floats(name: str, count: int, fill: int = 0) -> TensorProto:
    return TensorProto(
        name=name, data_type=TensorProto.FLOAT, dims=[count], raw_data=bytes([fill]) * (4 * count)
    )


def ranged(location: str, start: object, length: object, count: int = 4) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[count])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", start), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def model(*tensors: TensorProto) -> ModelProto:
    return ModelProto(ir_version=9, graph=GraphProto(name="g", initializer=tensors))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A graph with two neighbouring tensors of 4 floats, and 16 bytes of data."""
    (tmp_path / "onnx").mkdir()
    whole = model(floats("a", 4, 1), floats("b", 4, 2))
    (tmp_path / "onnx" / "whole.onnx").write_bytes(whole.SerializeToString())
    (tmp_path / "onnx" / "data").write_bytes(bytes(16))
    return tmp_path


def check(bundle: Path, *tensors: TensorProto) -> None:
    (bundle / "onnx" / "thin.onnx").write_bytes(model(*tensors).SerializeToString())
    check_external_data(bundle, FILES, "onnx/thin.onnx")


def place(bundle: Path, name: str) -> tuple[int, int]:
    """Start and end of a tensor's data in the whole graph."""
    tensors = read_tensors(bundle / "onnx" / "whole.onnx")
    (found,) = (tensor.raw for tensor in tensors if tensor.name == name)
    assert found is not None
    return found


def test_a_range_that_is_one_tensor_of_another_graph_is_accepted(bundle: Path) -> None:
    for name in ("a", "b"):
        check(bundle, ranged("whole.onnx", place(bundle, name)[0], 16))
    check(bundle, ranged("whole.onnx", place(bundle, "a")[0] + 8, 8, count=2))  # and a part of it


def test_a_range_over_two_tensors_or_none_is_refused(bundle: Path) -> None:
    first, second = place(bundle, "a"), place(bundle, "b")
    for start in (first[0] - 1, first[0] + 1, first[1], second[0] - 1, 0):
        with pytest.raises(UnsafePathError, match=r"'w' in bytes .* not inside one tensor there"):
            check(bundle, ranged("whole.onnx", start, 16))


def named(name: str, start: int, count: int) -> TensorProto:
    tensor = ranged("data", start, 4 * count, count)
    tensor.name = name
    return tensor


@pytest.mark.parametrize(
    ("first", "second"), [((0, 3), (8, 2)), ((0, 4), (4, 2)), ((4, 2), (0, 2)), ((0, 2), (0, 4))]
)
def test_two_tensors_that_share_some_bytes_are_refused(
    bundle: Path, first: tuple[int, int], second: tuple[int, int]
) -> None:
    """Start in bytes, and count of floats."""
    with pytest.raises(UnsafePathError, match=r"tensors '[ab]' and '[ab]' that share some bytes"):
        check(bundle, named("a", *first), named("b", *second))


def test_two_tensors_that_share_all_bytes_or_none_are_accepted(bundle: Path) -> None:
    check(bundle, named("a", 0, 2), named("tied", 0, 2), named("b", 8, 2), named("empty", 4, 0))


def test_a_range_that_the_manifest_does_not_list_is_refused(bundle: Path) -> None:
    start = place(bundle, "a")[0]
    check(bundle, ranged("whole.onnx", start, 16))
    for offset, length, accepted in ((start, 16, True), (start - 4, 99, True), (start, 15, False)):
        listed = [ExternalRange(file="onnx/whole.onnx", offset=offset, length=length)]
        if accepted:
            check_external_data(bundle, FILES, "onnx/thin.onnx", listed)
        else:
            with pytest.raises(UnsafePathError, match=r"'w' .* the manifest does not list"):
                check_external_data(bundle, FILES, "onnx/thin.onnx", listed)
    other = [ExternalRange(file="onnx/data", offset=0, length=1)]
    check_external_data(bundle, FILES, "onnx/thin.onnx", other)  # says nothing of whole.onnx


@pytest.mark.parametrize("location", ["whole.onnx", "data"])
def test_a_range_that_ends_behind_its_file_is_refused(bundle: Path, location: str) -> None:
    size = (bundle / "onnx" / location).stat().st_size
    with pytest.raises(UnsafePathError, match=f"{size - 15} to {size + 1} .* has {size} bytes"):
        check(bundle, ranged(location, size - 15, 16))
    check(bundle, ranged("data", 0, 16))


def test_a_range_of_another_size_than_its_tensor_is_refused(bundle: Path) -> None:
    with pytest.raises(UnsafePathError, match="of 16 bytes in a range of 12 bytes of 'data'"):
        check(bundle, ranged("data", 0, 12))
    check(bundle, ranged("data", 0, 12, count=3))


@pytest.mark.parametrize("number", ["-1", "1e1", "", " 0", "٣"])
def test_what_is_no_number_is_refused(bundle: Path, number: str) -> None:
    for tensor in (ranged("data", number, 16), ranged("data", 0, number)):
        with pytest.raises(UnsafePathError, match="not numbers"):
            check(bundle, tensor)


def test_a_key_that_comes_twice_is_refused(bundle: Path) -> None:
    tensor = ranged("data", 0, 16)
    tensor.external_data.add(key="offset", value="0")
    with pytest.raises(UnsafePathError, match="offset more than once"):
        check(bundle, tensor)


def test_a_graph_with_ranges_of_what_is_no_graph_is_refused(bundle: Path) -> None:
    tensor = ranged("whole.onnx", 0, 16)
    (bundle / "onnx" / "whole.onnx").write_bytes(b"\x0f" * 64)
    with pytest.raises(BundleError, match=r"whole\.onnx is not an ONNX file"):
        check(bundle, tensor)
    (bundle / "onnx" / "whole.onnx").unlink()
    with pytest.raises(BundleError, match=r"whole\.onnx is missing"):
        check(bundle, tensor)


@settings(
    max_examples=200, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(start=st.integers(0, 140), floats_=st.integers(1, 12))
def test_a_range_is_accepted_where_every_byte_is_of_one_tensor(
    bundle: Path, start: int, floats_: int
) -> None:
    owner = {at: name for name in "ab" for at in range(*place(bundle, name))}
    wanted = range(start, start + 4 * floats_)
    expected = len({owner.get(at) for at in wanted}) == 1 and owner.get(start) is not None
    try:
        check(bundle, ranged("whole.onnx", start, len(wanted), floats_))
    except UnsafePathError:
        assert not expected
    else:
        assert expected


# Writing them


@settings(
    max_examples=60, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    counts=st.lists(st.integers(1, 700), max_size=6),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=300),
)
def test_every_large_tensor_is_aligned_and_shared(
    bundle: Path, counts: list[int], name: str
) -> None:
    tensors = [floats(f"{name}{at}", count, at + 1) for at, count in enumerate(counts)]
    before = model(*tensors)
    before.opset_import.add(version=19)
    whole = bundle / "onnx" / "whole.onnx"
    whole.write_bytes(aligned(before.SerializeToString()))
    places = [tensor.raw for tensor in read_tensors(whole) if tensor.raw]
    large = [count * 4 >= 1024 for count in counts]
    for is_large, (start, _) in zip(reversed(large), places, strict=True):
        assert start % ALIGNMENT == 0 or not is_large
    read = onnx.load(whole)
    assert [tensor.raw_data for tensor in read.graph.initializer] == [t.raw_data for t in tensors]
    assert read.opset_import == before.opset_import

    thin = sharing(before.SerializeToString(), whole)
    (bundle / "onnx" / "thin.onnx").write_bytes(thin)
    check_external_data(bundle, FILES, "onnx/thin.onnx")
    bare = onnx.load_model_from_string(thin).graph.initializer
    assert [tensor.data_location == TensorProto.EXTERNAL for tensor in bare] == large
    loaded = onnx.load(bundle / "onnx" / "thin.onnx")
    assert [tensor.raw_data for tensor in loaded.graph.initializer] == [t.raw_data for t in tensors]


def test_a_tensor_of_the_same_name_and_other_bytes_is_not_shared(bundle: Path) -> None:
    whole = bundle / "onnx" / "whole.onnx"
    whole.write_bytes(aligned(model(floats("a", 256, 1)).SerializeToString()))
    other = model(floats("a", 256, 2)).SerializeToString()
    assert sharing(other, whole) == other
