"""What surrounds a model: `modules.json`, settings and prompts."""

from pathlib import Path
from typing import Any

import pytest

from edgebert.checkpoints.files import folder_inside, read_json_if_present
from edgebert.checkpoints.sentence_transformers import module_paths, read_pipeline
from edgebert_runtime.errors import CheckpointError, UnsupportedModelError
from tests.support.small_checkpoints import write_json, write_modules, write_sentence_model

OLD = "sentence_transformers.models"
NEW = "sentence_transformers.sentence_transformer.modules"
BASE = "sentence_transformers.base.modules"


def test_a_folder_without_modules_is_a_bare_transformer(tmp_path: Path) -> None:
    write_json(tmp_path / "sentence_bert_config.json", {"max_seq_length": 7})
    pipeline = read_pipeline(tmp_path)
    assert pipeline.modules is None
    assert pipeline.transformer == tmp_path
    assert pipeline.max_length is None


@pytest.mark.parametrize(
    "types",
    [
        (f"{OLD}.Transformer", f"{OLD}.Pooling", f"{OLD}.Dense", f"{OLD}.Normalize"),
        (
            f"{BASE}.transformer.Transformer",
            f"{NEW}.pooling.Pooling",
            f"{BASE}.dense.Dense",
            f"{BASE}.normalize.Normalize",
        ),
    ],
    ids=["before 5", "since 6"],
)
def test_modules_are_known_by_old_and_new_types(tmp_path: Path, types: tuple[str, ...]) -> None:
    paths = ("", "1_Pooling", "2_Dense", "3_Normalize")
    write_modules(tmp_path, tuple(zip(paths, types, strict=True)))
    modules = read_pipeline(tmp_path).modules
    assert modules is not None
    assert [(module.kind, module.path) for module in modules] == [
        ("Pooling", "1_Pooling"),
        ("Dense", "2_Dense"),
        ("Normalize", "3_Normalize"),
    ]


def test_the_transformer_may_lie_in_a_folder_of_its_own(tmp_path: Path) -> None:
    write_modules(
        tmp_path, (("0_Transformer", f"{OLD}.Transformer"), ("1_Pooling", f"{OLD}.Pooling"))
    )
    write_json(tmp_path / "0_Transformer/sentence_bert_config.json", {"max_seq_length": 7})
    pipeline = read_pipeline(tmp_path)
    assert pipeline.transformer == tmp_path / "0_Transformer"
    assert pipeline.max_length == 7


@pytest.mark.parametrize(
    "kind", [f"{OLD}.LayerNorm", "my_package.Pooling", "Pooling", f"{NEW}.router.Router"]
)
def test_an_unknown_module_is_refused_by_type(tmp_path: Path, kind: str) -> None:
    write_modules(tmp_path, (("", f"{OLD}.Transformer"), ("1_X", kind)))
    with pytest.raises(UnsupportedModelError, match=f"type '{kind}'"):
        read_pipeline(tmp_path)


@pytest.mark.parametrize(
    "kinds", [(), ("Pooling", "Transformer"), ("Transformer", "Transformer"), ("Pooling",)]
)
def test_only_one_transformer_may_begin(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    write_modules(tmp_path, tuple((str(n), f"{OLD}.{kind}") for n, kind in enumerate(kinds)))
    with pytest.raises(UnsupportedModelError, match="expected one Transformer and then its"):
        read_pipeline(tmp_path)


def test_arguments_passed_between_modules_are_refused(tmp_path: Path) -> None:
    entry = {"path": "", "type": f"{OLD}.Transformer", "kwargs": ["task"]}
    write_json(tmp_path / "modules.json", [entry])
    with pytest.raises(UnsupportedModelError, match="task"):
        read_pipeline(tmp_path)


def test_a_module_without_a_name_that_a_file_can_have_is_refused(tmp_path: Path) -> None:
    """Found by make fuzz."""
    for relative in ("a\0b", "a\nb", "\x1b[0m"):
        with pytest.raises(CheckpointError, match="which has a control character") as caught:
            folder_inside(tmp_path, relative, named_by=tmp_path / "modules.json")
        assert str(caught.value).isprintable()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(CheckpointError, match="which cannot be followed"):
        folder_inside(tmp_path, "loop", named_by=tmp_path / "modules.json")
    assert read_json_if_present(tmp_path / ("a" * 300)) == {}


def test_a_module_with_a_name_that_no_file_has_is_refused(tmp_path: Path) -> None:
    """A fuzzer's."""
    write_modules(tmp_path, (("é" * 300, f"{OLD}.Transformer"), ("1_Pooling", f"{OLD}.Pooling")))
    for read in (read_pipeline, module_paths):
        with pytest.raises(
            CheckpointError, match=r"modules\.json names .*which cannot be followed"
        ):
            read(tmp_path)


@pytest.mark.parametrize("path", ["../other", "/etc", "1_Pooling/../../other", "..\\other"])
def test_a_module_outside_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    write_modules(tmp_path, (("", f"{OLD}.Transformer"), (path, f"{OLD}.Pooling")))
    for read in (read_pipeline, module_paths):
        with pytest.raises(CheckpointError, match="outside"):
            read(tmp_path)


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    folder, outside = tmp_path / "model", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "1_Pooling").symlink_to(outside)
    write_modules(folder)
    with pytest.raises(CheckpointError, match="names '1_Pooling', which is outside"):
        read_pipeline(folder)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("{}", "expected a JSON array"),
        ("[3]", "expected an object with type and path"),
        ('[{"path": ""}]', "expected an object with type and path"),
    ],
)
def test_a_damaged_modules_file_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "modules.json").write_text(content)
    with pytest.raises(CheckpointError, match=rf"modules\.json .*{complaint}"):
        read_pipeline(tmp_path)


def test_settings_give_the_limit_and_the_case(tmp_path: Path) -> None:
    write_sentence_model(tmp_path, settings={"max_seq_length": 9, "do_lower_case": True})
    pipeline = read_pipeline(tmp_path)
    assert (pipeline.max_length, pipeline.lowercase) == (9, True)


def test_settings_of_version_six_are_plain(tmp_path: Path) -> None:
    settings = {
        "transformer_task": "feature-extraction",
        "modality_config": {
            "text": {"method": "forward", "method_output_name": "last_hidden_state"}
        },
        "module_output_name": "token_embeddings",
        "model_kwargs": {"torch_dtype": "float16"},
    }
    write_sentence_model(tmp_path, settings=settings)
    assert read_pipeline(tmp_path).max_length is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("transformer_task", "fill-mask"),
        ("module_output_name", "scores"),
        ("processing_kwargs", {"text": {"padding": "max_length"}}),
        ("query_length", 32),
        ("query_expansion", {"token": "[MASK]"}),
        ("tokenizer_args", {"padding_side": "left"}),
        ("modality_config", {"text": {"method": "forward", "method_output_name": "logits"}}),
    ],
)
def test_a_setting_that_changes_vectors_is_refused_by_name(
    tmp_path: Path, key: str, value: Any
) -> None:
    write_sentence_model(tmp_path, settings={key: value})
    with pytest.raises(UnsupportedModelError, match=rf"sentence_bert_config\.json has {key}="):
        read_pipeline(tmp_path)


@pytest.mark.parametrize("limit", ["256", 2.5, True])
def test_a_limit_that_is_no_number_is_refused(tmp_path: Path, limit: object) -> None:
    write_sentence_model(tmp_path, settings={"max_seq_length": limit})
    with pytest.raises(CheckpointError, match="max_seq_length"):
        read_pipeline(tmp_path)


def test_prompts_are_read(tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "query: ", "document": None}, "default_prompt_name": "query"}
    write_sentence_model(tmp_path, prompts=prompts)
    pipeline = read_pipeline(tmp_path)
    assert pipeline.prompts == {"query": "query: ", "document": ""}
    assert pipeline.default_prompt == "query"


@pytest.mark.parametrize(
    ("prompts", "complaint"),
    [
        ({"prompts": {"query": 3}}, "query=3"),
        ({"prompts": {"query": ""}, "default_prompt_name": "passage"}, "'passage'.*: query"),
        ({"prompts": ["query: "]}, "prompts"),
        ({"model_type": "SparseEncoder"}, "CrossEncoder"),
        ({"truncate_dim": 0}, "truncate_dim=0"),
        ({"truncate_dim": "8"}, "truncate_dim='8'"),
    ],
)
def test_prompts_that_make_no_sense_are_refused(
    tmp_path: Path, prompts: dict[str, Any], complaint: str
) -> None:
    write_sentence_model(tmp_path, prompts=prompts)
    with pytest.raises(CheckpointError, match=rf"config_sentence_transformers\.json .*{complaint}"):
        read_pipeline(tmp_path)


def test_a_cross_encoder_is_known_by_its_transformer_alone(tmp_path: Path) -> None:
    write_modules(tmp_path, (("", f"{BASE}.transformer.Transformer"),))
    write_json(
        tmp_path / "sentence_bert_config.json",
        {
            "transformer_task": "sequence-classification",
            "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
            "module_output_name": "scores",
        },
    )
    assert read_pipeline(tmp_path).cross_encoder


@pytest.mark.parametrize(
    ("name", "read", "told"),
    [
        (None, None, False),
        ("cosine", "cosine", False),
        ("dot", "dot", True),
        ("maxsim", None, True),
    ],
)
def test_a_similarity_other_than_cosine_is_told(
    tmp_path: Path, name: str | None, read: str | None, told: bool
) -> None:
    write_sentence_model(tmp_path, prompts={"similarity_fn_name": name})
    pipeline = read_pipeline(tmp_path)
    assert pipeline.similarity == read
    assert any("similarity_fn_name" in note for note in pipeline.notes) == told
