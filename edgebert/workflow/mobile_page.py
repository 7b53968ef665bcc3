"""The page that lies beside the files for an app: what they are, and the calls that run them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edgebert_runtime.bundle.manifest import Manifest, TensorInfo
from edgebert_runtime.measurement.units import MEBIBYTE

TEMPLATE: Final = """\
# {source} for an app

| file | what it is |
|---|---|
{files}
| `tokenizer.json` | the tokenizer, as the Hugging Face library reads it |
| `model.json` | inputs, outputs, labels, and how tokens become an answer |
| `required_operators.config` | operators of the graphs, for a reduced build of ONNX Runtime |

The graphs were run on the build machine and gave the same bits as the bundle's. The calls below
were read in the documentation of the packages and were not run on a phone.

## What goes in

| input | type | shape |
|---|---|---|
{inputs}

One text is one row. Its ids are those of `tokenizer.json`, special tokens included, at most
{longest} tokens. `attention_mask` is 1 for each token; rows of a batch are filled on the right with
id {pad} and mask 0.

## What comes out, task `{task}`

| output | type | shape |
|---|---|---|
{outputs}

## Android (Kotlin)

```kotlin
// build.gradle: com.microsoft.onnxruntime:onnxruntime-android
val environment = OrtEnvironment.getEnvironment()
val session = environment.createSession(assets.open("{graph}").readBytes())
val shape = longArrayOf(1, ids.size.toLong())
fun tensor(values: LongArray) = OnnxTensor.createTensor(environment, LongBuffer.wrap(values), shape)
val feeds = mapOf({kotlin})
session.run(feeds).use {{ answer -> answer.get("{output}").get().value }}
```

## iOS (Swift)

```swift
// Package: onnxruntime-swift-package-manager
let environment = try ORTEnv(loggingLevel: .warning)
let session = try ORTSession(env: environment, modelPath: path, sessionOptions: nil)
let shape: [NSNumber] = [1, NSNumber(value: ids.count)]
func tensor(_ values: [Int64]) throws -> ORTValue {{
    let data = NSMutableData(bytes: values, length: values.count * MemoryLayout<Int64>.size)
    return try ORTValue(tensorData: data, elementType: .int64, shape: shape)
}}
let feeds = [{swift}]
let answer = try session.run(withInputs: feeds, outputNames: ["{output}"], runOptions: nil)
```

## Check the app

`*.samples.json` has texts, their token ids, and the answers of the build machine with the tolerance
that they may differ by. Run them once on the phone: if the ids differ it is the tokenizer, if only
the answers differ it is the engine.

Use the CPU provider. NNAPI and CoreML lack operators of these graphs, so that most of a graph runs
on the CPU in any case.
"""


def mobile_page(manifest: Manifest, names: Sequence[str], folder: Path) -> str:
    """The page, in Markdown.

    Args:
        manifest: of the bundle.
        names: of the variants that were converted.
        folder: where their files are.
    """
    task = manifest.task
    values = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
    pairs = [(each.name, values.get(each.name, each.name)) for each in manifest.inputs]
    return TEMPLATE.format(
        source=manifest.source["name"] or "A model",
        files="\n".join(_file_row(manifest, name, folder) for name in names),
        inputs=_rows(manifest.inputs),
        outputs=_rows(task.outputs),
        longest=manifest.tokenizer.max_length,
        pad=manifest.tokenizer.pad_id,
        task=manifest.default_task,
        graph=f"{names[0]}.ort",
        output=task.outputs[-1].name,
        kotlin=", ".join(f'"{name}" to tensor({value})' for name, value in pairs),
        swift=", ".join(f'"{name}": try tensor({value})' for name, value in pairs),
    )


def _file_row(manifest: Manifest, name: str, folder: Path) -> str:
    size = (folder / f"{name}.ort").stat().st_size / MEBIBYTE
    return f"| `{name}.ort` | {manifest.variants[name].precision} graph, {size:.1f} MiB |"


def _rows(tensors: Sequence[TensorInfo]) -> str:
    return "\n".join(
        f"| `{each.name}` | {each.dtype} | {' × '.join(map(str, each.shape))} |" for each in tensors
    )
