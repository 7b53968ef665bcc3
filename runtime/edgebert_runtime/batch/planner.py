"""Plans a job, or finds the same one in the folder of its answers."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any, Final, NamedTuple

from edgebert_runtime.batch.answering import Answering
from edgebert_runtime.batch.chunks import Inspected
from edgebert_runtime.batch.folder import open_folder
from edgebert_runtime.batch.job import (
    FORMAT,
    JOB_FILE,
    Job,
    JobRecord,
    Source,
    fingerprint_of,
    to_json,
)
from edgebert_runtime.batch.kept import check_names, schema_text
from edgebert_runtime.batch.settings import JobSettings
from edgebert_runtime.batch.sources import find_sources, kind_of
from edgebert_runtime.batch.units import format_of
from edgebert_runtime.bundle.bundle import Bundle
from edgebert_runtime.bundle.manifest import MANIFEST_NAME, hash_file
from edgebert_runtime.errors import InputError, OutputError
from edgebert_runtime.inference.reports import to_plain
from edgebert_runtime.io.arrow import require_arrow
from edgebert_runtime.loading.model_opener import load_model
from edgebert_runtime.loading.options import LoadOptions
from edgebert_runtime.storage.json_reader import shown

DIFFERENCES: Final = 3
"""Sources that an error names."""


def plan_job(bundle: str, where: str, out: str, settings: JobSettings) -> Job:
    """The job in a folder, planned unless it is there already; no row is answered.

    Args:
        bundle: whose model answers.
        where: a file of rows, a folder of them, or a pattern; or a URL of one.
        out: folder or URL of the answers.
        settings: what is asked for.

    Raises:
        ConfigError: settings that do not fit the bundle or the sources.
        InputError: there are no sources, or one cannot be read.
        OutputError: another job is there, or shards could not be committed there.
        EdgebertError: the bundle cannot be opened.
    """
    require_arrow()
    opened = Bundle.open(bundle, complete=False)
    settings = replace(settings, manifest=hash_file(opened.folder / MANIFEST_NAME).sha256)
    bundle = str(opened.folder.absolute()) if opened.snapshot is None else bundle
    folder, sources = open_folder(out), find_sources(where)
    if folder.read(JOB_FILE) is None:
        folder.prepare()
        record = _planned(bundle, sources, settings)
        with folder.new_file(JOB_FILE) as file:  # of several drivers the first plans for all
            file.write(to_json(record))
    job = Job.open(out, bundle)
    if job.fingerprint != fingerprint_of(settings, sources):
        raise _another_job(job, settings, sources)
    folder.tidy()
    return job


def _planned(bundle: str, sources: Iterable[Source], settings: JobSettings) -> JobRecord:
    kind, plans = "", []
    for source in sources:
        kind = kind_of(source.path)
        plans.append(_Plan(source, format_of(kind).inspect(source.path, source.size, settings)))
    kept = _kept_schema(plans, settings)
    counts = [plan.found.rows for plan in plans]
    with _opened(bundle, settings) as model:
        check_names(kept, Answering(model, settings).columns)
        return JobRecord(
            format=FORMAT,
            bundle=bundle,
            variant=model.info().variant,
            settings=settings,
            kind=kind,
            kept=schema_text(kept),
            sources=tuple(replace(plan.source, cuts=plan.found.cuts) for plan in plans),
            rows=None if None in counts else sum(count or 0 for count in counts),
        )


class _Plan(NamedTuple):
    """A source, and what it was found to be."""

    source: Source
    found: Inspected


def _opened(bundle: str, settings: JobSettings) -> Any:
    options = LoadOptions.of(settings.provider, dict(settings.provider_options))
    return load_model(bundle, settings.variant, options, settings.task)


def _kept_schema(plans: list[_Plan], settings: JobSettings) -> Any:
    """The columns that are kept, which all sources must have alike."""
    import pyarrow

    first, *others = plans
    names = settings.kept(tuple(first.found.schema.names))
    kept = pyarrow.schema([_field(first, name) for name in names])
    for plan in others:
        for field in kept:
            found = _field(plan, field.name)
            if found.type != field.type:
                raise InputError(
                    f"{plan.source.path} has a column {field.name!r} of {found.type}, that of "
                    f"{first.source.path} is {field.type}; make them alike, or leave it out with "
                    "--keep"
                )
    return kept


def _field(plan: _Plan, name: str) -> Any:
    schema = plan.found.schema
    if schema.names.count(name) != 1:
        raise InputError(
            f"{plan.source.path} has the column {name!r} {schema.names.count(name)} times, it has "
            f"{', '.join(map(repr, schema.names))}; name columns that all sources have with --keep"
        )
    return schema.field(name).with_nullable(True)


def _another_job(job: Job, settings: JobSettings, sources: tuple[Source, ...]) -> OutputError:
    differences = [*_settings_that_differ(job.settings, settings)]
    differences += _sources_that_differ(job.record.sources, sources)
    return OutputError(
        f"{job.folder.place} has another job: {'; '.join(differences)}. Give its own command again "
        "to go on with it, or choose another folder"
    )


def _settings_that_differ(there: JobSettings, asked: JobSettings) -> Iterator[str]:
    for field in fields(JobSettings):
        found, wanted = (to_plain(getattr(each, field.name)) for each in (there, asked))
        if found != wanted:
            yield f"{field.name} is {shown(found)} there and {shown(wanted)} now"


def _sources_that_differ(there: Iterable[Source], asked: Iterable[Source]) -> list[str]:
    before = {source.path: (source.size, source.stamp) for source in there}
    after = {source.path: (source.size, source.stamp) for source in asked}
    told = [f"{path} is no source any more" for path in before.keys() - after.keys()]
    told += [f"{path} is a new source" for path in after.keys() - before.keys()]
    common = before.keys() & after.keys()
    told += [f"{path} has changed" for path in common if before[path] != after[path]]
    more = len(told) - DIFFERENCES
    return [*sorted(told)[:DIFFERENCES], *([f"{more} more sources differ"] if more > 0 else [])]
