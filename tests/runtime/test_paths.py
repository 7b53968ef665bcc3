"""Paths from a manifest stay inside the bundle, whoever wrote them."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebert_runtime.bundle.paths import resolve_inside
from edgebert_runtime.errors import UnsafePathError


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with one file, and a secret beside it."""
    folder = tmp_path / "bundle"
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "model.onnx").write_bytes(b"graph")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_bytes(b"key")
    return folder


def test_a_file_inside_is_found(bundle: Path) -> None:
    assert resolve_inside(bundle, "onnx/model.onnx") == (bundle / "onnx/model.onnx").resolve()


def test_a_missing_file_has_a_path_too(bundle: Path) -> None:
    assert resolve_inside(bundle, "onnx/new.onnx") == bundle.resolve() / "onnx" / "new.onnx"


@pytest.mark.parametrize("name", ["..model", "model..onnx", "a..b/c", ".keep", "ünï ço/de"])
def test_a_harmless_odd_name_is_accepted(bundle: Path, name: str) -> None:
    assert resolve_inside(bundle, name) == bundle.resolve() / name


@pytest.mark.parametrize(
    ("relative", "reason"),
    [
        ("/etc/passwd", "absolute"),
        ("//server/share/file", "absolute"),
        ("C:/Windows/win.ini", "absolute"),
        ("C:\\Windows\\win.ini", "absolute"),
        ("c:win.ini", "absolute"),
        ("\\\\server\\share\\file", "absolute"),
        ("\\file", "absolute"),
        ("onnx\\model.onnx", "backslash"),
        ("..\\secret\\key", "backslash"),
        ("..", "'..'"),
        ("../secret/key", "'..'"),
        ("onnx/../../secret/key", "'..'"),
        ("onnx/../onnx/model.onnx", "'..'"),
        ("onnx/..", "'..'"),
        ("", "no file"),
        (".", "no file"),
        ("./.", "no file"),
        ("onnx/model.onnx\0.txt", "NUL"),
        ("onnx/\ud800", "cannot be followed"),
    ],
)
def test_an_unsafe_spelling_is_refused_and_says_why(
    bundle: Path, relative: str, reason: str
) -> None:
    with pytest.raises(UnsafePathError) as caught:
        resolve_inside(bundle, relative)
    assert reason in str(caught.value)
    assert repr(relative) in str(caught.value)
    assert str(bundle) in str(caught.value)


def test_a_file_that_links_out_is_refused(bundle: Path) -> None:
    (bundle / "onnx" / "link").symlink_to("../../secret/key")
    with pytest.raises(UnsafePathError, match="a link leads out"):
        resolve_inside(bundle, "onnx/link")


def test_a_folder_that_links_out_is_refused(bundle: Path) -> None:
    (bundle / "linked").symlink_to(bundle.parent / "secret", target_is_directory=True)
    with pytest.raises(UnsafePathError, match="a link leads out"):
        resolve_inside(bundle, "linked/key")


def test_a_link_to_a_link_out_is_refused(bundle: Path) -> None:
    (bundle / "second").symlink_to("../secret/key")
    (bundle / "first").symlink_to("second")
    with pytest.raises(UnsafePathError, match="a link leads out"):
        resolve_inside(bundle, "first")


def test_a_link_out_to_nothing_is_refused(bundle: Path) -> None:
    (bundle / "link").symlink_to("../not-yet-there")
    with pytest.raises(UnsafePathError, match="a link leads out"):
        resolve_inside(bundle, "link")


def test_a_link_to_a_sibling_whose_name_starts_alike_is_refused(bundle: Path) -> None:
    (bundle.parent / "bundle2").mkdir()
    (bundle / "link").symlink_to("../bundle2")
    with pytest.raises(UnsafePathError, match="a link leads out"):
        resolve_inside(bundle, "link")


def test_a_link_that_stays_inside_is_followed(bundle: Path) -> None:
    (bundle / "link").symlink_to("onnx/model.onnx")
    (bundle / "out-and-in").symlink_to("../bundle/onnx/model.onnx")
    expected = (bundle / "onnx" / "model.onnx").resolve()
    assert resolve_inside(bundle, "link") == expected
    assert resolve_inside(bundle, "out-and-in") == expected


def test_a_circle_of_links_opens_nothing(bundle: Path) -> None:
    (bundle / "one").symlink_to("two")
    (bundle / "two").symlink_to("one")
    try:
        path = resolve_inside(bundle, "one")
    except UnsafePathError:  # before Python 3.13
        return
    with pytest.raises(OSError, match="symbolic"):
        path.open("rb")


def test_the_bundle_itself_may_be_reached_through_a_link(bundle: Path) -> None:
    alias = bundle.parent / "alias"
    alias.symlink_to(bundle, target_is_directory=True)
    assert resolve_inside(alias, "onnx/model.onnx").read_bytes() == b"graph"


def test_a_relative_folder_works_from_where_the_process_is(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.parent)
    assert resolve_inside(Path("bundle"), "onnx/model.onnx").is_absolute()


@settings(
    max_examples=300,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.sampled_from(["..", ".", "", "onnx", "out", "C:", "\\", "/", "x", "\0"])).map(
        "/".join
    )
    | st.text(max_size=20)
)
def test_whatever_the_text_the_answer_lies_inside(bundle: Path, relative: str) -> None:
    if not (bundle / "out").is_symlink():
        (bundle / "out").symlink_to("../secret")
    try:
        path = resolve_inside(bundle, relative)
    except UnsafePathError:
        return
    assert os.path.realpath(path).startswith(os.path.realpath(bundle) + os.sep)
