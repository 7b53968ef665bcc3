"""No graph makes an engine read a file that its bundle does not vouch for."""

import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    helper,
    numpy_helper,
)

from edgebert_runtime.bundle.external_data import check_external_data, external_locations
from edgebert_runtime.bundle.protobuf_reader import MAX_DEPTH, MESSAGES
from edgebert_runtime.errors import BundleError, UnsafePathError

PASSWORDS = "../../../../../../../etc/passwd"

Placement = Callable[[TensorProto], ModelProto]


def external_tensor(location: str, name: str = "weight") -> TensorProto:
    """Two floats that lie in `location`."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("offset", "0"), ("location", location), ("length", "8")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def node_with(**fields: object) -> NodeProto:
    """A node with one attribute that has these fields."""
    return NodeProto(op_type="Any", attribute=[AttributeProto(name="value", **fields)])


def in_an_initializer(tensor: TensorProto) -> ModelProto:
    return ModelProto(graph=GraphProto(initializer=[tensor]))


def in_an_attribute(tensor: TensorProto) -> ModelProto:
    return ModelProto(graph=GraphProto(node=[node_with(t=tensor)]))


def in_a_list_attribute(tensor: TensorProto) -> ModelProto:
    return ModelProto(graph=GraphProto(node=[node_with(tensors=[tensor])]))


def in_sparse_values(tensor: TensorProto) -> ModelProto:
    return ModelProto(graph=GraphProto(sparse_initializer=[{"values": tensor}]))


def in_sparse_indices(tensor: TensorProto) -> ModelProto:
    return ModelProto(graph=GraphProto(sparse_initializer=[{"indices": tensor}]))


def in_a_sparse_attribute(tensor: TensorProto) -> ModelProto:
    return ModelProto(graph=GraphProto(node=[node_with(sparse_tensor={"values": tensor})]))


def in_a_sparse_list_attribute(tensor: TensorProto) -> ModelProto:
    return ModelProto(graph=GraphProto(node=[node_with(sparse_tensors=[{"values": tensor}])]))


def in_a_subgraph(tensor: TensorProto) -> ModelProto:
    inner = GraphProto(node=[node_with(g=GraphProto(initializer=[tensor]))])
    return ModelProto(graph=GraphProto(node=[node_with(g=inner)]))


def in_a_list_of_subgraphs(tensor: TensorProto) -> ModelProto:
    graphs = [GraphProto(), GraphProto(initializer=[tensor])]
    return ModelProto(graph=GraphProto(node=[node_with(graphs=graphs)]))


def in_a_function(tensor: TensorProto) -> ModelProto:
    return ModelProto(functions=[{"node": [node_with(t=tensor)]}])


def in_a_function_default(tensor: TensorProto) -> ModelProto:
    return ModelProto(functions=[{"attribute_proto": [AttributeProto(t=tensor)]}])


def in_training(tensor: TensorProto) -> ModelProto:
    return ModelProto(training_info=[{"algorithm": GraphProto(initializer=[tensor])}])


def in_training_initialization(tensor: TensorProto) -> ModelProto:
    return ModelProto(training_info=[{"initialization": GraphProto(initializer=[tensor])}])


PLACEMENTS: tuple[Placement, ...] = (
    in_an_initializer,
    in_an_attribute,
    in_a_list_attribute,
    in_sparse_values,
    in_sparse_indices,
    in_a_sparse_attribute,
    in_a_sparse_list_attribute,
    in_a_subgraph,
    in_a_list_of_subgraphs,
    in_a_function,
    in_a_function_default,
    in_training,
    in_training_initialization,
)


def locations_by_onnx(message: Message) -> set[str]:
    """What `external_locations` must find, by protobuf's reflection."""
    found: set[str] = set()
    if isinstance(message, TensorProto):
        found |= {entry.value for entry in message.external_data if entry.key == "location"}
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in value if field.is_repeated else (value,):
                found |= locations_by_onnx(child)
    return found


def saved(folder: Path, model: ModelProto | bytes, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with data beside the place of its graph."""
    folder = tmp_path / "bundle"
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "model.onnx_data").write_bytes(bytes(8))
    return folder


def check(bundle: Path, model: ModelProto, *listed: str) -> None:
    """Put a graph into the bundle and check it, with its own data and `listed` in the manifest."""
    saved(bundle / "onnx", model)
    files = ("onnx/model.onnx", "onnx/model.onnx_data", *listed)
    check_external_data(bundle, files, "onnx/model.onnx")


# The table against onnx itself


def messages_of(descriptor: Descriptor) -> dict[str, dict[int, Descriptor]]:
    """Message name → field number → child, of everything below one message."""
    found: dict[str, dict[int, Descriptor]] = {}
    pending = [descriptor]
    while pending:
        current = pending.pop()
        children = {f.number: f.message_type for f in current.fields if f.message_type}
        if current.name not in found:
            found[current.name] = children
            pending.extend(children.values())
    return found


def test_the_table_holds_every_way_to_a_tensor_that_onnx_has() -> None:
    every = messages_of(ModelProto.DESCRIPTOR)
    reaching = {"TensorProto"}
    for _ in every:  # as often as the longest way may be long
        reaching |= {
            name for name, fields in every.items() if {c.name for c in fields.values()} & reaching
        }
    expected = {
        name: {number: c.name for number, c in every[name].items() if c.name in reaching}
        for name in reaching
    }
    entries = TensorProto.DESCRIPTOR.fields_by_name["external_data"]
    expected["TensorProto"] = {entries.number: entries.message_type.name}
    assert expected == MESSAGES


# Finding locations


@pytest.mark.parametrize("place", PLACEMENTS)
def test_a_tensor_is_found_wherever_it_hides(tmp_path: Path, place: Placement) -> None:
    assert external_locations(saved(tmp_path, place(external_tensor("data")))) == {"data"}


def test_a_graph_with_its_weights_inside_has_no_locations(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", dims=[2], data_type=TensorProto.FLOAT, raw_data=bytes(8))
    tensor.metadata_props.add(key="location", value="not/data")
    assert external_locations(saved(tmp_path, in_an_initializer(tensor))) == set()


def test_a_location_counts_even_where_data_location_denies_it(tmp_path: Path) -> None:
    tensor = external_tensor("data")
    tensor.data_location = TensorProto.DEFAULT
    assert external_locations(saved(tmp_path, in_an_initializer(tensor))) == {"data"}


def test_every_location_of_a_tensor_that_has_two_is_listed(tmp_path: Path) -> None:
    tensor = external_tensor("harmless")
    tensor.external_data.add(key="location", value="other")
    found = external_locations(saved(tmp_path, in_an_initializer(tensor)))
    assert found == {"harmless", "other"}


def test_a_repeated_key_or_value_counts_as_protobuf_counts_it(tmp_path: Path) -> None:
    entry = b"".join(
        bytes([tag, len(text)]) + text
        for tag, text in ((0x0A, b"x"), (0x0A, b"location"), (0x12, b"first"), (0x12, b"last"))
    )
    tensor = bytes([0x6A, len(entry)]) + entry
    graph = bytes([0x2A, len(tensor)]) + tensor
    data = bytes([0x3A, len(graph)]) + graph
    assert locations_by_onnx(ModelProto.FromString(data)) == {"last"}
    assert external_locations(saved(tmp_path, data)) == {"last"}


TENSORS = st.builds(
    lambda location: external_tensor(location) if location else TensorProto(raw_data=b"\x2a\x02"),
    st.text(alphabet="ab/.é", max_size=4),
)


def some(strategy: st.SearchStrategy[Message]) -> st.SearchStrategy[list[Message]]:
    return st.lists(strategy, max_size=2)


def sparse() -> st.SearchStrategy[Message]:
    return st.builds(onnx.SparseTensorProto, values=TENSORS, indices=TENSORS, dims=st.just([3]))


def attributes(graphs: st.SearchStrategy[Message]) -> st.SearchStrategy[Message]:
    return st.builds(
        AttributeProto,
        name=st.text(max_size=2),
        ints=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=2),
        f=st.floats(width=32),
        t=TENSORS,
        g=graphs,
        tensors=some(TENSORS),
        graphs=some(graphs),
        sparse_tensor=sparse(),
        sparse_tensors=some(sparse()),
    )


def nodes(graphs: st.SearchStrategy[Message]) -> st.SearchStrategy[Message]:
    return st.builds(
        NodeProto,
        op_type=st.sampled_from(["If", "Loop"]),
        input=st.lists(st.text(max_size=2), max_size=2),
        attribute=some(attributes(graphs)),
    )


LEAF_GRAPHS = st.builds(
    GraphProto, initializer=some(TENSORS), sparse_initializer=some(sparse()), name=st.text()
)
GRAPHS = st.recursive(
    LEAF_GRAPHS,
    lambda inner: st.builds(GraphProto, node=some(nodes(inner)), initializer=some(TENSORS)),
    max_leaves=4,
)
FUNCTIONS = st.builds(
    onnx.FunctionProto,
    name=st.text(max_size=2),
    node=some(nodes(LEAF_GRAPHS)),
    attribute_proto=some(attributes(LEAF_GRAPHS)),
)
MODELS = st.builds(
    ModelProto,
    ir_version=st.integers(1, 12),
    graph=GRAPHS,
    functions=some(FUNCTIONS),
    training_info=some(st.builds(onnx.TrainingInfoProto, algorithm=LEAF_GRAPHS)),
)


@settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(MODELS)
def test_any_model_has_the_locations_that_onnx_sees(tmp_path: Path, model: ModelProto) -> None:
    assert external_locations(saved(tmp_path, model)) == locations_by_onnx(model)


def test_large_weights_are_skipped_and_never_copied(tmp_path: Path) -> None:
    tensors = [TensorProto(name=str(index), raw_data=bytes(200_000)) for index in range(300)]
    graph = GraphProto(initializer=[*tensors, external_tensor("data")])
    path = saved(tmp_path, ModelProto(graph=graph))
    del tensors, graph

    tracemalloc.start()
    found = external_locations(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == {"data"}
    assert peak < 200_000, "at least one tensor was copied"


# Bytes that are not a model


def damaged(data: bytes) -> Iterator[bytes]:
    """Every truncation, and 4,000 seeded changes of a byte."""
    yield from (data[:size] for size in range(len(data)))
    choose = random.Random(0)
    for _ in range(4_000):
        changed = bytearray(data)
        changed[choose.randrange(len(data))] = choose.randrange(256)
        yield bytes(changed)


def test_no_damage_hides_a_location_that_onnx_would_still_see(tmp_path: Path) -> None:
    merged = ModelProto()
    for index, place in enumerate(PLACEMENTS):
        merged.MergeFrom(place(external_tensor(f"data{index}")))
    outcomes = {"found": 0, "refused": 0}
    for data in damaged(merged.SerializeToString()):
        try:
            found = external_locations(saved(tmp_path, data))
        except BundleError:
            outcomes["refused"] += 1
            continue
        outcomes["found"] += 1
        try:
            assert locations_by_onnx(ModelProto.FromString(data)) <= found
        except DecodeError:
            continue
    assert min(outcomes.values()) > 500, f"{outcomes}: one of both was hardly tried"


def test_random_bytes_are_refused_or_hold_nothing(tmp_path: Path) -> None:
    choose = random.Random(1)
    outcomes = {"accepted": 0, "refused": 0}
    for _ in range(1_000):
        path = saved(tmp_path, choose.randbytes(choose.randrange(1, 60)))
        try:
            assert external_locations(path) == set()
        except BundleError:
            outcomes["refused"] += 1
        else:
            outcomes["accepted"] += 1
    assert min(outcomes.values()) > 3, f"{outcomes}: one of both was hardly tried"


@pytest.mark.parametrize(
    ("data", "reason", "neighbour", "locations"),
    [
        (b"", "empty", b"\x3a\x00", set()),
        (b"\x3a\x05\x00", "does not end", b"\x3a\x02\x08\x00", set()),
        (b"\x3a", "does not end", b"\x3a\x00", set()),
        (b"\x08" + b"\xff" * 11, "does not end", b"\x08" + b"\xff" * 9 + b"\x01", set()),
        (b"\x3a" + b"\xff" * 8 + b"\x7f", "does not end", b"\x3a" + b"\x80" * 8 + b"\x00", set()),
        (b"\x09\x00", "does not end", b"\x09" + bytes(8), set()),
        # A tensor that ends behind its graph, though not behind the file.
        (
            b"\x3a\x02\x2a\x06" + b"\x08\x01" * 4,
            "does not end",
            b"\x3a\x08\x2a\x06" + b"\x08\x01" * 4,
            set(),
        ),
        (b"\x0b\x0c", "wire type 3", b"\x08\x0c", set()),
        (b"\x0f", "wire type 7", b"\x0d" + bytes(4), set()),
        (b"\x02\x00", "field number 0", b"\x0a\x00", set()),
        # Field 7 (graph) to a parser that keeps only 32 bits of a tag; the last that there may be.
        (
            b"\xba\x80\x80\x80\x10\x00",
            "field number 536870919",
            b"\xfa\xff\xff\xff\x0f\x00",
            set(),
        ),
        (
            b"\x3a\x0e\x2a\x0c\x6a\x0a\x0a\x08location\x12",
            "does not end",
            b"\x3a\x0e\x2a\x0c\x6a\x0a\x0a\x08location",
            {""},
        ),
        (
            b"\x3a\x11\x2a\x0f\x6a\x0d\x0a\x08location\x12\x01\xff",
            "utf-8",
            b"\x3a\x11\x2a\x0f\x6a\x0d\x0a\x08location\x12\x01a",
            {"a"},
        ),
    ],
)
def test_malformed_bytes_are_refused_and_say_why(
    tmp_path: Path, data: bytes, reason: str, neighbour: bytes, locations: set[str]
) -> None:
    path = saved(tmp_path, data)
    with pytest.raises(BundleError, match="is not an ONNX file") as caught:
        external_locations(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
    assert external_locations(saved(tmp_path, neighbour)) == locations


@pytest.mark.parametrize("name", ["absent.onnx", "folder.onnx"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(BundleError, match=name):
        external_locations(tmp_path / name)
    assert external_locations(saved(tmp_path, ModelProto(ir_version=8), "file.onnx")) == set()


def nested(attribute: NodeProto, subgraphs: int) -> ModelProto:
    """A node with this attribute, whose own depth is 3 + 3 · `subgraphs` messages."""
    graph = GraphProto(node=[attribute])
    for _ in range(subgraphs):
        graph = GraphProto(node=[node_with(g=graph)])
    return ModelProto(graph=graph)


def test_messages_nest_as_deep_as_allowed_and_no_deeper(tmp_path: Path) -> None:
    subgraphs, remainder = divmod(MAX_DEPTH - 4, 3)
    assert remainder == 0, "the first tensor below lies exactly at the limit"
    tensor = external_tensor("data")
    at_the_limit = nested(node_with(t=tensor), subgraphs)
    one_deeper = nested(node_with(sparse_tensor={"values": tensor}), subgraphs)
    assert external_locations(saved(tmp_path, at_the_limit)) == {"data"}
    with pytest.raises(BundleError, match=f"deeper than {MAX_DEPTH}"):
        external_locations(saved(tmp_path, one_deeper))


# Attacks, one bundle each, and beside each the nearest that is none


@pytest.mark.parametrize("place", PLACEMENTS)
def test_data_above_the_bundle_is_refused_wherever_it_hides(bundle: Path, place: Placement) -> None:
    with pytest.raises(UnsafePathError, match="etc/passwd"):
        check(bundle, place(external_tensor(PASSWORDS)))
    check(bundle, place(external_tensor("model.onnx_data")))


@pytest.mark.parametrize("location", ["/etc/passwd", "C:/secret", "C:\\secret", "\\\\host\\secret"])
def test_an_absolute_location_is_refused(bundle: Path, location: str) -> None:
    with pytest.raises(UnsafePathError, match="absolute"):
        check(bundle, in_an_initializer(external_tensor(location)))


@pytest.mark.parametrize("location", ["etc/passwd", "C/secret", "host.secret"])
def test_a_relative_location_is_accepted(bundle: Path, location: str) -> None:
    (bundle / "onnx" / location).parent.mkdir(exist_ok=True)
    (bundle / "onnx" / location).write_bytes(bytes(8))
    check(bundle, in_an_initializer(external_tensor(location)), f"onnx/{location}")


def test_a_location_that_is_listed_and_links_out_is_refused(bundle: Path) -> None:
    (bundle.parent / "secret").write_bytes(bytes(8))
    (bundle / "onnx" / "link").symlink_to("../../secret")
    with pytest.raises(UnsafePathError, match="a link leads out"):
        check(bundle, in_an_initializer(external_tensor("link")), "onnx/link")
    (bundle / "onnx" / "inner").symlink_to("model.onnx_data")
    check(bundle, in_an_initializer(external_tensor("inner")), "onnx/inner")


def test_a_location_in_a_folder_that_links_out_is_refused(bundle: Path) -> None:
    for folder in (bundle.parent, bundle / "onnx"):
        (folder / "secrets").mkdir()
        (folder / "secrets" / "key").write_bytes(bytes(8))
    (bundle / "onnx" / "folder").symlink_to("../../secrets", target_is_directory=True)
    with pytest.raises(UnsafePathError, match="a link leads out"):
        check(bundle, in_an_initializer(external_tensor("folder/key")))
    (bundle / "onnx" / "inner").symlink_to("secrets", target_is_directory=True)
    check(bundle, in_an_initializer(external_tensor("inner/key")), "onnx/inner/key")


def test_a_graph_that_links_out_is_refused(bundle: Path) -> None:
    for folder in (bundle.parent, bundle):
        saved(folder, ModelProto(ir_version=8))
    link = bundle / "onnx" / "model.onnx"
    link.symlink_to("../../model.onnx")
    with pytest.raises(UnsafePathError, match="a link leads out"):
        check_external_data(bundle, ("onnx/model.onnx",), "onnx/model.onnx")
    link.unlink()
    link.symlink_to("../model.onnx")
    check_external_data(bundle, ("onnx/model.onnx",), "onnx/model.onnx")


def test_data_inside_that_is_not_listed_is_refused(bundle: Path) -> None:
    (bundle / "onnx" / "other").write_bytes(bytes(8))
    with pytest.raises(UnsafePathError, match=r"'other'.*lists only"):
        check(bundle, in_an_initializer(external_tensor("other")))
    check(bundle, in_an_initializer(external_tensor("other")), "onnx/other")


def test_one_bad_tensor_among_good_ones_is_enough(bundle: Path) -> None:
    good = [external_tensor("model.onnx_data", str(index)) for index in range(20)]
    graph = GraphProto(initializer=[*good, external_tensor(PASSWORDS), *good])
    with pytest.raises(UnsafePathError, match="passwd"):
        check(bundle, ModelProto(graph=graph))
    check(bundle, ModelProto(graph=GraphProto(initializer=good * 2)))


def test_an_external_tensor_with_an_empty_location_is_refused(bundle: Path) -> None:
    with pytest.raises(UnsafePathError, match="no file"):
        check(bundle, in_an_initializer(external_tensor("")))
    (bundle / "onnx" / "_").write_bytes(bytes(8))
    check(bundle, in_an_initializer(external_tensor("_")), "onnx/_")
    with pytest.raises(UnsafePathError, match="Windows can have no file ' '"):
        check(bundle, in_an_initializer(external_tensor(" ")), "onnx/_")


def test_an_address_in_memory_is_refused_even_if_a_file_is_named_so(bundle: Path) -> None:
    (bundle / "onnx" / "*" / "_ORT_MEM_ADDR_").mkdir(parents=True)
    address, file = "*/_ORT_MEM_ADDR_/*", "*/_ORT_MEM_ADDR_/x"
    for location in (address, file):
        (bundle / "onnx" / location).write_bytes(bytes(8))
    with pytest.raises(UnsafePathError, match="memory"):
        check(bundle, in_an_initializer(external_tensor(address)), "onnx/model.onnx_data")
    with pytest.raises(UnsafePathError, match="Windows can have no file"):
        check(bundle, in_an_initializer(external_tensor(file)), f"onnx/{file}")


def test_a_graph_in_another_format_is_refused(bundle: Path) -> None:
    model = in_an_initializer(external_tensor("model.onnx_data"))
    saved(bundle / "onnx", model, "model.ort")
    with pytest.raises(BundleError, match=r"not named \.onnx"):
        check_external_data(bundle, ("onnx/model.ort",), "onnx/model.ort")
    check(bundle, model)


def test_two_graphs_may_share_the_data_that_both_list(bundle: Path) -> None:
    tensor = numpy_helper.from_array(np.arange(4, dtype=np.float32), "w")
    model = helper.make_model(helper.make_graph([], "g", [], [], [tensor]))
    for name in ("model.onnx", "model_cpu.onnx"):
        (bundle / "onnx" / "model.onnx_data").unlink(missing_ok=True)
        onnx.save_model(
            ModelProto.FromString(model.SerializeToString()),
            bundle / "onnx" / name,
            save_as_external_data=True,
            location="model.onnx_data",
            size_threshold=0,
        )
        assert external_locations(bundle / "onnx" / name) == {"model.onnx_data"}
        check_external_data(bundle, (f"onnx/{name}", "onnx/model.onnx_data"), f"onnx/{name}")


def test_a_graph_without_external_data_needs_only_itself(bundle: Path) -> None:
    saved(bundle / "onnx", ModelProto(ir_version=8))
    check_external_data(bundle, ("onnx/model.onnx",), "onnx/model.onnx")


def test_the_data_of_a_bundle_reached_through_a_link_is_accepted(bundle: Path) -> None:
    alias = bundle.parent / "alias"
    alias.symlink_to(bundle, target_is_directory=True)
    check(alias, in_an_initializer(external_tensor("model.onnx_data")))
