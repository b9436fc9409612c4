"""How fast reports are written on this machine: batched and single, next to a plain loop.

    python benchmarks/report_speed.py                       # random weights, said so in the result
    python benchmarks/report_speed.py --model DIR_OR_ID --device cuda --batch-sizes 1 8 16
    python benchmarks/report_speed.py --hidden 128 --layers 2 --count 4 --seeds 0  # to try it

The plain loop is the one of the model card: one chat, one ``generate``, one ``decode`` an image.
All ways get the same images and prompts and take turns, and their texts are compared: in float32
they must be the same. Then what it costs a token to be held to a schema, on as many tokens, and how
many answers are valid when random weights are sampled from (``--seeds 0`` leaves that out).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import describe_machine
from PIL import Image as PILImage
from pydantic import ValidationError
from transformers import LogitsProcessorList

from medx.core.console import stderr
from medx.core.device import Device
from medx.core.files import write_json
from medx.core.images import to_rgb
from reportgen.config import ReportConfig
from reportgen.contract import answer_model
from reportgen.engines.base import GenerationRequest
from reportgen.engines.chat import build_messages
from reportgen.engines.medgemma import MedGemmaEngine
from reportgen.evidence import Evidence
from reportgen.prompt import render_prompt
from reportgen.strategies import STRATEGIES

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from random_medgemma import write_medgemma

RESULTS = Path(__file__).parent / "results" / "report_speed.json"

#: Enough for the longest answer that any contract allows.
ENOUGH = 4000

#: What a way of writing gives: texts and how many tokens they are.
Written = tuple[list[str], int]


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="hub id or folder; random weights without it")
    parser.add_argument("--hidden", type=int, default=512, help="width of the random network")
    parser.add_argument("--layers", type=int, default=8, help="of the random network")
    parser.add_argument("--device", default="auto", choices=[device.value for device in Device])
    parser.add_argument("--count", type=int, default=8, help="reports")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--max-new-tokens", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=4, help="sampled answers a strategy")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    stderr.quiet = True
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, Path(folder))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.output, report)
    print(f"written to {options.output}")


def measure(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Return all figures of a run."""
    machine = describe_machine()
    requests = build_requests(options.count, options.max_new_tokens)
    model = options.model or str(
        write_network(folder / "medgemma-4b-it", hidden=options.hidden, layers=options.layers)
    )
    engine = MedGemmaEngine(ReportConfig(model=model, device=options.device))
    engine.prepare()
    network = engine._network
    parameters = sum(weights.numel() for weights in network.parameters())
    print(f"{engine.model}: {parameters / 1e6:.0f} M parameters, {network.dtype}, {network.device}")
    prompts = [int(engine._inputs([request])["attention_mask"].sum()) for request in requests]
    return {
        "model": engine.model if options.model else "random weights of MedGemma's architecture",
        "parameters": parameters,
        "dtype": str(network.dtype),
        "device": str(network.device),
        "machine": machine,
        "threads": torch.get_num_threads(),
        "reports": options.count,
        "prompt_tokens": [min(prompts), max(prompts)],
        "max_new_tokens": options.max_new_tokens,
        "ways": compare_ways(engine, requests, options),
        "constraint": cost_of_constraint(engine, requests, options),
        "validity": count_valid(engine, options.seeds) if options.seeds else None,
    }


def write_network(folder: Path, *, hidden: int, layers: int) -> Path:
    """Write random weights that know the words of the prompts; images take 16 tokens."""
    prompts = [build_requests(1, 1, name)[0].prompt.text for name in STRATEGIES]
    return write_medgemma(
        folder,
        words=[word for prompt in prompts for word in prompt.replace(" ", " ▁").split()],
        pieces=4000,
        text={
            "hidden_size": hidden,
            "intermediate_size": 4 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": max(1, hidden // 64),
            "num_key_value_heads": max(1, hidden // 128),
            "head_dim": 64,
            "layer_types": ["sliding_attention"] * (layers - 1) + ["full_attention"],
        },
        vision={
            "hidden_size": hidden // 2,
            "intermediate_size": 2 * hidden,
            "num_hidden_layers": max(1, layers // 2),
            "num_attention_heads": max(1, hidden // 128),
            "image_size": 112,
        },
        image_tokens=16,
    )


def build_requests(
    count: int, max_new_tokens: int, strategy: str = "concise"
) -> list[GenerationRequest]:
    """Return requests with an image and a note of their own, so that lengths differ."""
    rng = np.random.default_rng(0)
    chosen = STRATEGIES.load(strategy)
    evidence = [
        Evidence(
            image_id=f"noise-{i}",
            dataset="noise",
            modality="chest radiograph",
            image_size=(224, 224),
            notes=["Cough for some days. " * (i % 5)],
            synthetic=True,
        )
        for i in range(count)
    ]
    return [
        GenerationRequest(
            prompt=render_prompt(chosen, one),
            pixels=rng.integers(0, 256, (224, 224), dtype=np.uint8),
            evidence=one,
            strategy=chosen,
            max_new_tokens=max_new_tokens,
        )
        for one in evidence
    ]


def compare_ways(
    engine: MedGemmaEngine, requests: Sequence[GenerationRequest], options: argparse.Namespace
) -> list[dict[str, object]]:
    """Return the speed of the plain loop and of the engine at each batch size."""
    ways: dict[str, Callable[[], Written]] = {
        "plain generate": lambda: write_plainly(engine, requests)
    }
    for size in options.batch_sizes:
        ways[f"medx, {size} at once"] = lambda size=size: write_by_engine(engine, requests, size)
    write_plainly(engine, requests[:1])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Written] = {}
    for _ in range(options.repeats):
        for name, write in ways.items():
            started = time.perf_counter()
            results[name] = write()
            seconds[name].append(time.perf_counter() - started)
    expected, _ = results["plain generate"]
    base = statistics.median(seconds["plain generate"])
    rows = []
    for name, (texts, tokens) in results.items():
        took = statistics.median(seconds[name])
        same = sum(a == b for a, b in zip(texts, expected, strict=True))
        if engine._network.dtype == torch.float32 and same < len(texts):
            raise SystemExit(f"{name}: {len(texts) - same} texts differ from the plain loop's")
        rows.append(
            {
                "way": name,
                "tokens_per_s": round(tokens / took, 1),
                "s_per_report": round(took / len(texts), 4),
                "s_all": [round(one, 3) for one in seconds[name]],
                "ratio_to_plain": round(base / took, 3),
                "same_texts": f"{same} of {len(texts)}",
            }
        )
        print(
            f"{name}: {tokens / took:.1f} tokens/s, {took / len(texts):.3f} s a report, "
            f"{base / took:.2f}x, {same} of {len(texts)} texts the same"
        )
    return rows


def write_plainly(engine: MedGemmaEngine, requests: Sequence[GenerationRequest]) -> Written:
    """Write one report after the other as the model card does."""
    processor, network, texts, count = engine._processor, engine._network, [], 0
    for request in requests:
        messages = build_messages(
            engine.family,
            system=request.prompt.system,
            text=request.prompt.text,
            image=PILImage.fromarray(to_rgb(request.pixels)),
        )
        inputs = processor.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(network.device, dtype=network.dtype)
        with torch.inference_mode():
            output = network.generate(
                **inputs, max_new_tokens=request.max_new_tokens, do_sample=False
            )
        answer = output[0, inputs["input_ids"].shape[-1] :]
        texts.append(processor.decode(answer, skip_special_tokens=True).strip())
        count += len(answer)
    return texts, count


def write_by_engine(
    engine: MedGemmaEngine, requests: Sequence[GenerationRequest], batch_size: int
) -> Written:
    """Write all reports through the engine, so many at once."""
    engine._batch_size = batch_size
    answers = dict(engine.generate_all(requests))
    texts = [answers[i].text for i in range(len(requests))]
    return texts, sum(answer.tokens for answer in answers.values())


def cost_of_constraint(
    engine: MedGemmaEngine, requests: Sequence[GenerationRequest], options: argparse.Namespace
) -> dict[str, object]:
    """Return milliseconds a step without and with a schema, single and batched."""
    schema = answer_model(requests[0].strategy, requests[0].evidence)
    started = time.perf_counter()
    engine._constraints([replace(requests[0], schema=schema)])
    found: dict[str, object] = {"prepare_s": round(time.perf_counter() - started, 3)}
    for size in dict.fromkeys((1, max(options.batch_sizes))):
        batch = list(requests[:size])
        held = [replace(request, schema=schema) for request in batch]
        times: dict[str, list[float]] = {"free": [], "held": []}
        for _ in range(options.repeats):
            times["free"].append(step_seconds(engine, batch))
            times["held"].append(step_seconds(engine, held))
        free, constrained = (1e3 * statistics.median(times[name]) for name in ("free", "held"))
        found[f"batch_{len(batch)}"] = {
            "ms_per_step_free": round(free, 3),
            "ms_per_step_held": round(constrained, 3),
            "overhead": round(constrained / free - 1, 4),
        }
        print(
            f"{len(batch)} at once: {free:.2f} ms a step, held to a schema {constrained:.2f} ms "
            f"({constrained / free - 1:+.1%})"
        )
    return found


def step_seconds(engine: MedGemmaEngine, requests: Sequence[GenerationRequest]) -> float:
    """Return the seconds of one decoding step of a batch that runs to its budget."""
    inputs = engine._inputs(requests)
    constraints = engine._constraints(requests) or LogitsProcessorList()
    steps = requests[0].max_new_tokens
    started = time.perf_counter()
    with torch.inference_mode():
        output = engine._network.generate(
            **inputs, max_new_tokens=steps, do_sample=False, logits_processor=constraints
        )
    return (time.perf_counter() - started) / (output.shape[-1] - inputs["input_ids"].shape[-1])


def count_valid(engine: MedGemmaEngine, seeds: int) -> dict[str, str]:
    """Return how many sampled answers of each strategy fit its schema."""
    found = {}
    for name in STRATEGIES:
        (request,) = build_requests(1, ENOUGH, name)
        schema = answer_model(request.strategy, request.evidence)
        requests = [replace(request, schema=schema)] * seeds
        inputs, constraints = engine._inputs(requests), engine._constraints(requests)
        torch.manual_seed(0)
        with torch.inference_mode():
            output = engine._network.generate(
                **inputs,
                max_new_tokens=ENOUGH,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                logits_processor=constraints,
            )
        rows = output[:, inputs["input_ids"].shape[-1] :].tolist()
        texts = [engine._constrainer.spell(engine._vocabulary.until_stop(row)) for row in rows]
        found[name] = f"{sum(is_valid(schema, text) for text in texts)} of {len(texts)}"
        print(f"{name}: {found[name]} sampled answers of random weights valid")
    return found


def is_valid(schema: type, text: str) -> bool:
    """Tell whether a text is JSON of a schema."""
    try:
        schema.model_validate_json(text)
    except ValidationError:
        return False
    return True


if __name__ == "__main__":
    main()
