"""From a bundle's folder to a repository on the Hub, in one commit."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.card_metadata import PLACE, card_metadata
from edgebert_runtime.bundle.hub_client import LOG_IN, fetch, require_hub
from edgebert_runtime.bundle.hub_name import HubName, parse_name
from edgebert_runtime.bundle.manifest import CARD_NAME, MANIFEST_NAME, read_manifest
from edgebert_runtime.bundle.staging import staging_area
from edgebert_runtime.errors import BundleError, ConfigError, HubError
from edgebert_runtime.progress import ProgressOption, steps
from edgebert_runtime.storage.atomic_write import write_whole
from edgebert_runtime.tasks.registry import require_task

NO_RIGHT: Final = (401, 403)
"""Statuses of a user who is not logged in, or may not write."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What `push` did.

    Attributes:
        url: the address of the commit's files.
        name: what `load` takes; pinned to the commit.
    """

    url: str
    name: str


def push(
    bundle: str | PathLike[str] | Bundle,
    name: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
    progress: ProgressOption = None,
) -> Pushed:
    """Upload a bundle to the Hub: its files, its manifest and its model card, in one commit.

    The card's metadata is completed and its example names the repository; the bundle's own copy
    is replaced once the commit is there. Files of the bundle that the repository held before and
    that this one does not have are removed; what else the repository holds stays.

    Args:
        bundle: its folder, whose files are hashed first.
        name: `org/name`; the repository is made if it does not exist.
        private: make it a private one.
        revision: a branch, made if it does not exist; None is the main one.
        message: of the commit.
        progress: who sees the steps. None: lines on standard error if it is a terminal. True:
            elsewhere, too. False: no output. A function is called with each line.

    Raises:
        BundleError: the folder is no bundle, or its card cannot be read.
        BundleIntegrityError: a file is not what the manifest says; nothing was uploaded.
        ConfigError: `name` is no name on the Hub.
        HubError: the Hub cannot be reached, or refuses; nothing was committed.
        OutputError: the commit is there, but the bundle's own card cannot be replaced.
    """
    target = _target(name)
    hub = require_hub(target)
    folder = Path(bundle.folder if isinstance(bundle, Bundle) else bundle)
    with steps(progress) as tell, staging_area(folder):
        opened = Bundle.open(folder)
        tell(f"hashing {len(opened.manifest.files)} files")
        _check(opened)
        card = _card(hub, opened, target)
        tell(f"uploading to {target}")
        try:
            commit = _commit(hub, opened, card, target, (private, revision, message))
        except Exception as error:  # three HTTP libraries in three versions share no base class
            raise HubError(_refusal(target, error)) from error
        write_whole(opened.folder / CARD_NAME, card)
    place = f"{hub.constants.ENDPOINT}/{target}/tree/{commit}"
    return Pushed(url=place, name=f"{target}@{commit}")


def _target(name: str) -> HubName:
    target = parse_name(name)
    if target is None or target.revision is not None:
        raise ConfigError(f"{name!r} is no repository on the Hub; it is written org/name")
    return target


def _check(bundle: Bundle) -> None:
    from edgebert_runtime.bundle.integrity import IntegrityCheck

    check = IntegrityCheck(bundle.folder, bundle.manifest.files, mode="always")
    check.start()
    check.wait()


def _commit(
    hub: Any,
    bundle: Bundle,
    card: str,
    target: HubName,
    options: tuple[bool, str | None, str | None],
) -> str:
    """Make the repository and the branch if need be, and commit; returns the commit."""
    private, revision, message = options
    files: Mapping[str, str | bytes] = {
        **{path: str(bundle.path_of(path)) for path in bundle.manifest.files},
        MANIFEST_NAME: str(bundle.folder / MANIFEST_NAME),
        CARD_NAME: card.encode("utf-8"),
    }
    api = hub.HfApi(library_name="edgebert")
    api.create_repo(target.repository, private=private or None, exist_ok=True)
    if revision is not None:
        api.create_branch(target.repository, branch=revision, exist_ok=True)
    there = HubName(repository=target.repository, revision=revision)
    stale = _bundle_files(there, api.list_repo_files(target.repository, revision=revision))
    done = api.create_commit(
        target.repository,
        operations=[
            *(
                hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)
                for path, content in files.items()
            ),
            *(hub.CommitOperationDelete(path) for path in sorted(stale - files.keys())),
        ],
        commit_message=message or f"Add the edgebert bundle of {bundle.manifest.source['name']}",
        revision=revision,
    )
    return str(done.oid)


def _bundle_files(name: HubName, held: Collection[str]) -> set[str]:
    """Those files of a repository that its manifest lists: an earlier push wrote them."""
    if MANIFEST_NAME not in held:
        return set()
    try:
        before = read_manifest(fetch(name, [MANIFEST_NAME], quiet=True))
    except BundleError:  # of another program, or of a later version
        return set()
    return set(before.files) & set(held)


def _card(hub: Any, bundle: Bundle, target: HubName) -> str:
    """The model card with complete metadata; what its author wrote there stays."""
    path = bundle.folder / CARD_NAME
    if CARD_NAME in bundle.manifest.files:  # hashed by an older edgebert
        return path.read_text("utf-8")
    try:
        text = path.read_text("utf-8") if path.is_file() else _new_card(bundle)
        card = hub.ModelCard(text.replace(f'"{PLACE}"', f'"{target}"'))
    except Exception as error:  # of yaml, or of huggingface_hub
        said = " ".join(str(error).split())
        raise BundleError(
            f"{path} has metadata that cannot be read ({said}); correct it"
        ) from error
    written = card.data.to_dict()
    ours = card_metadata(bundle.manifest, require_task(bundle.manifest.default_task).pipeline_tag)
    known: dict[str, Any] = {**_license(hub, ours.get("base_model")), **ours, **written}
    tags = dict.fromkeys([*(written.get("tags") or []), *ours["tags"]])
    for key in (key for key in known if key not in written):
        card.data[key] = known[key]
    card.data["tags"] = list(tags)
    return str(card)


def _new_card(bundle: Bundle) -> str:
    from edgebert_export.bundle.model_card import model_card  # torch, and hardly ever

    return model_card(bundle.manifest)


def _license(hub: Any, base_model: object) -> dict[str, str]:
    """The license of the model that the bundle was made from, where the Hub knows it."""
    if not isinstance(base_model, str):
        return {}
    try:
        described = hub.HfApi(library_name="edgebert").model_info(base_model).card_data
    except Exception:  # it is private, gone, or out of reach, and the card can do without
        return {}
    found = described.get("license") if described else None
    return {"license": found} if isinstance(found, str) else {}


def _refusal(target: HubName, error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in NO_RIGHT:
        return (
            f"{target} cannot be written by this user, and nothing was committed; {LOG_IN}, with a "
            "token that may write there"
        )
    said = " ".join(str(error).split())
    return f"{target} cannot be pushed to ({type(error).__name__}: {said}); nothing was committed"
