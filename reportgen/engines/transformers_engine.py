"""Any image-text-to-text model on this machine, through transformers."""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from jinja2 import TemplateError
from PIL import Image as PILImage
from transformers import LogitsProcessorList

from medx.core.console import note, warn
from medx.core.device import resolve_device
from medx.core.errors import EngineError, InputError, MedxError, WeightsUnavailableError
from medx.core.images import to_rgb
from medx.core.words import many
from reportgen.config import ReportConfig
from reportgen.engines.base import Engine, Generation, GenerationRequest
from reportgen.engines.chat import (
    Family,
    answer_tokens,
    break_tokens,
    build_messages,
    check_processor,
    family_of_template,
)
from reportgen.engines.constrain import Constrainer, can_constrain
from reportgen.engines.loading import (
    FOUR_BIT,
    check_four_bits,
    first_line,
    is_out_of_memory,
    load_network,
    load_processor,
)
from reportgen.engines.vocabulary import read_vocabulary
from reportgen.engines.weights import Weights, fetch_weights, find_weights
from reportgen.strategies.base import Strategy

#: Bytes of weights from which a CPU is slow enough to say so.
LARGE = 1 << 30

#: What a bad image, a bad prompt, a full memory and a broken kernel end in.
_FAILURES = (
    MedxError, RuntimeError, ValueError, TypeError, IndexError, KeyError, TemplateError,
    MemoryError,
)  # fmt: skip


class TransformersEngine(Engine):
    """Writes greedily, so that the same input gives the same report, several at once.

    Attributes:
        weights: What is loaded with the first report.
        family: How the model wants to be spoken to.
    """

    name = "transformers"
    answers_json = True

    def __init__(self, config: ReportConfig) -> None:
        super().__init__(config)
        self.weights = self._locate()
        if config.quantise:
            check_four_bits(resolve_device(config.device))
        self.model = self.weights.model
        self.revision = self.weights.revision + (f"+{FOUR_BIT}" if config.quantise else "")
        self._processor: Any = None
        self._network: Any = None
        self._vocabulary: Any = None  # a Vocabulary, with the network
        self._batch_size = config.batch_size
        self.family = self._find_family()
        self.takes_system_prompt = self.family.system_turn

    def token_budget(self, strategy: Strategy) -> int:
        """Return the tokens of the answer plus those of thinking."""
        asked = self.config.max_new_tokens
        return asked or strategy.max_new_tokens + self.family.thinking_tokens

    def prepare(self) -> None:
        """Load processor and network; nothing is asked of the network."""
        if self._network is not None:
            return
        device = resolve_device(self.config.device)
        note(f"loading {self.model} ({self.revision}) on {device}, messages as {self.family.name}")
        if device == "cpu" and self.weights.size > LARGE:
            gigabytes = 2 * self.weights.size / 1e9  # bfloat16 on disk
            note(f"on a CPU a report takes minutes, and the model {gigabytes:.0f} GB of memory")
        self._processor = self._processor or load_processor(self.weights)
        check_processor(self._processor, self.model)
        self._network = load_network(
            self.weights, device, four_bits=self.config.quantise is not None
        )
        self._vocabulary = read_vocabulary(
            self._processor.tokenizer, self._network.generation_config.eos_token_id
        )

    def generate(self, request: GenerationRequest) -> Generation:
        """Write one report with ``do_sample=False``."""
        ((_, answer),) = self.generate_all([request])
        if isinstance(answer, MedxError):
            raise answer
        return answer

    def generate_all(
        self, requests: Sequence[GenerationRequest]
    ) -> Iterator[tuple[int, Generation | MedxError]]:
        """Yield the reports batch by batch, longest prompts of each token budget first.

        A batch that memory does not hold is halved; one that fails is asked again one by one.
        """
        self.prepare()
        for waiting in _by_budget(requests):
            while waiting:
                batch = waiting[: self._batch_size]
                answers = self._try([requests[i] for i in batch])
                if answers is not None:
                    yield from zip(batch, answers, strict=True)
                    waiting = waiting[len(batch) :]

    def _locate(self) -> Weights:
        """Return the weights asked for, fetched when they are not at hand."""
        config = self.config
        if config.model is None and config.weights is None:
            raise InputError(
                f"--engine {self.name} needs a model", hint="--model ID_OR_FOLDER or --weights DIR"
            )
        return locate_weights(config)

    def _find_family(self) -> Family:
        """Return how to speak to the model; asks its chat template."""
        self._processor = load_processor(self.weights)
        return family_of_template(self._processor, self.model)

    def _try(self, requests: Sequence[GenerationRequest]) -> list[Generation | MedxError] | None:
        """Return an answer for each request, or None when fewer at once should be tried."""
        try:
            return self._answer(requests)
        except _FAILURES as error:  # kept as words: the traceback would hold on to the memory
            reason, full = first_line(error), is_out_of_memory(error)
        if full:
            _free_memory()
        if len(requests) == 1:
            hint = "try --quantise 4bit on a GPU, or --device cpu" if full else None
            return [EngineError(f"{self.model} failed: {reason}", hint=hint)]
        if full:
            self._batch_size = len(requests) // 2
            warn(
                f"{many(len(requests), 'image')} at once do not fit into memory: "
                f"going on with {self._batch_size}"
            )
            return None
        warn(f"a batch of {len(requests)} failed ({reason}): asking one by one")
        return [answer for request in requests for answer in self._try([request]) or ()]

    def _answer(self, requests: Sequence[GenerationRequest]) -> list[Generation | MedxError]:
        started = time.perf_counter()
        inputs = self._inputs(requests)
        with torch.inference_mode():
            output = self._network.generate(
                **inputs,
                max_new_tokens=requests[0].max_new_tokens,
                do_sample=False,
                temperature=None,
                top_k=None,
                top_p=None,
                pad_token_id=self._processor.tokenizer.pad_token_id,
                logits_processor=self._constraints(requests),
            )
        written = output[:, inputs["input_ids"].shape[-1] :].tolist()
        lengths = inputs["attention_mask"].sum(-1).tolist()
        seconds = (time.perf_counter() - started) / len(requests)
        return [
            self._read(request, tokens, length, seconds)
            for request, tokens, length in zip(requests, written, lengths, strict=True)
        ]

    def _inputs(self, requests: Sequence[GenerationRequest]) -> Any:
        """Return what the network takes: prompts padded on the left, ``(B, T)``, and images."""
        special = self._vocabulary.special
        conversations = [
            build_messages(
                self.family,
                system=break_tokens(request.prompt.system, special),
                text=break_tokens(request.prompt.text, special),
                image=PILImage.fromarray(to_rgb(request.pixels)),
            )
            for request in requests
        ]
        inputs = self._processor.apply_chat_template(
            conversations,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        )
        # ``to`` with a dtype casts pixel_values only: ids and token types stay integers.
        return inputs.to(self._network.device, dtype=self._network.dtype)

    def _constraints(self, requests: Sequence[GenerationRequest]) -> LogitsProcessorList:
        """Return what holds answers to their schemas; nothing where there are none."""
        schemas = [request.schema for request in requests]
        if not any(schemas) or self._constrainer is None:
            return LogitsProcessorList()
        return LogitsProcessorList([self._constrainer.processor(schemas)])

    @cached_property
    def _constrainer(self) -> Constrainer | None:
        """What holds answers to schemas; None, said once, where xgrammar is not installed."""
        if not can_constrain():
            warn(
                "JSON is asked for but not enforced: xgrammar is not installed "
                "(pip install 'medx[structured]')"
            )
            return None
        return Constrainer(
            self._processor.tokenizer,
            vocab_size=self._network.get_output_embeddings().weight.shape[0],
            stop_tokens=sorted(self._vocabulary.stop),
            thought=self._vocabulary.thought if self.family.thinking_tokens else None,
        )

    def _read(
        self, request: GenerationRequest, written: list[int], prompt_tokens: int, seconds: float
    ) -> Generation | MedxError:
        """Return an answer without its thoughts, or why it is none."""
        tokens = self._vocabulary.until_stop(written)
        cut_off = not self._vocabulary.stop.intersection(tokens[-1:])
        try:
            answer = answer_tokens(tokens, *(self._vocabulary.thought or (None, None)))
        except EngineError as error:
            return error
        if cut_off and request.schema:
            return EngineError(
                f"the answer was cut off after {len(tokens)} tokens, in the middle of its JSON",
                hint="raise --max-new-tokens",
            )
        if request.schema and self._constrainer:
            text = self._constrainer.spell(answer)
        else:
            text = str(self._processor.decode(answer, skip_special_tokens=True)).strip()
        if not text:
            return EngineError("the model answered nothing", hint="try another --strategy")
        return Generation(
            text=text,
            prompt_tokens=prompt_tokens,
            tokens=len(tokens),
            cut_off=cut_off,
            seconds=seconds,
        )


def locate_weights(config: ReportConfig) -> Weights:
    """Return the weights that are asked for; they are fetched when they are not at hand.

    Raises:
        WeightsUnavailableError: When they are not to be had.
    """
    try:
        return find_weights(config.model, config.weights)
    except WeightsUnavailableError:
        if config.weights is not None:
            raise
    return fetch_weights(config.model)


def _by_budget(requests: Sequence[GenerationRequest]) -> Iterator[list[int]]:
    """Yield positions that share a token budget, longest prompt first: memory runs out early."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for position, request in enumerate(requests):
        groups[request.max_new_tokens].append(position)
    for group in groups.values():
        yield sorted(group, key=lambda i: -len(requests[i].prompt.text))


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
