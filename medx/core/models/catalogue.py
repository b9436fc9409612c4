"""The models medx knows by name: repository, pinned revision, files, licence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medx.core import settings
from medx.core.errors import InputError, UnknownNameError
from medx.core.hub import cached_snapshots

MAIN = "main"

#: In the order open_clip looks for them in a folder.
OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
OPEN_CLIP_CONFIG = "open_clip_config.json"
TOKENIZERS = ("tokenizer.json", "vocab.txt")

_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
_TENSORS = ("model.safetensors", "model.safetensors.index.json")
_HAI_DEF = "Health AI Developer Foundations terms: accept them on the hub"


@dataclass(frozen=True, kw_only=True)
class Model:
    """Weights on the hub.

    Args:
        name: What people call it.
        summary: What it is for.
        repository: ``owner/name`` on the hub.
        revision: The commit that is fetched, or ``main`` where none is pinned.
        files: Patterns of the files that are fetched: no pickle where there is another form.
        needs: A whole copy has one file of each group.
        megabytes: About how much there is to download; None: not known.
        gated: Whether its terms have to be accepted first.
        licence: Under what the weights may be used.
        used_by: How a command takes it.
        sha256: Hashes of that revision that are known from elsewhere, by file.
    """

    name: str
    summary: str
    repository: str
    revision: str = MAIN
    files: tuple[str, ...]
    needs: tuple[tuple[str, ...], ...]
    megabytes: int | None = None
    gated: bool = False
    licence: str
    used_by: str
    sha256: Mapping[str, str] = field(default_factory=dict)

    def missing_files(self, folder: Path) -> list[str]:
        """Return what a whole copy needs and ``folder`` lacks, in words."""
        return [
            " or ".join(names)
            for names in self.needs
            if not any((folder / name).is_file() for name in names)
        ]

    def find(self) -> Path | None:
        """Return the folder of a whole copy in the hub cache, or None; nothing is downloaded."""
        snapshots = cached_snapshots(self.repository, self.revision)
        return next((path for path in snapshots if not self.missing_files(path)), None)

    def how_to_get(self, *, instead: str = "") -> str:
        """Return the steps to the weights, one a line.

        Args:
            instead: What a command takes that needs none.
        """
        gate = (
            f"sign in and accept the terms at https://huggingface.co/{self.repository}",
            "make a read token there and run `hf auth login`, or set HF_TOKEN",
        )
        free = f"the weights of {self.name} are free{' but gated' if self.gated else ''}"
        pull = f"`medx models pull {self.name} --to DIR`"
        other = f"(or `hf download {self.repository} --local-dir DIR`)"
        gated = gate if self.gated else ()
        if settings.offline():
            lines = [
                f"{free}; on a machine with internet:",
                *_numbered([*gated, f"run {pull} {other}"]),
                "then copy DIR here and name it with --weights DIR",
            ]
        else:
            lines = [
                f"{free}:",
                *_numbered([*gated, f"run `medx models pull {self.name}`"]),
                "for a machine without internet:",
                f"  {pull} elsewhere {other}, copy DIR here, then --weights DIR",
            ]
        return "\n".join([*lines, *([f"or use {instead}"] if instead else [])])


def _numbered(steps: Sequence[str]) -> list[str]:
    if len(steps) == 1:
        return [f"  {steps[0]}"]
    return [f"  {number}. {step}" for number, step in enumerate(steps, 1)]


CATALOGUE = {
    model.name: model
    for model in (
        Model(
            name="biomedclip",
            summary="image and text encoder: ViT-B/16 + PubMedBERT, 224 px",
            repository="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
            revision="9f341de24bfb00180f1b847274256e9b65a3a32e",
            files=("*.json", "*.txt", *OPEN_CLIP_WEIGHTS),
            needs=((OPEN_CLIP_CONFIG,), OPEN_CLIP_WEIGHTS, TOKENIZERS),
            megabytes=784,
            licence="MIT; for research, not clinical use",
            used_by="medx retrieve --encoder biomedclip",
            sha256={
                "open_clip_pytorch_model.bin": (
                    "52cc993c5c5ff962bd0c60931874bc001e7e9b41666a385530f4a036294576be"
                )
            },
        ),
        Model(
            name="medsiglip",
            summary="image and text encoder: SigLIP 400M + 400M, 448 px",
            repository="google/medsiglip-448",
            revision="9cea28a1a1195f665105faa6e8544c112fd960a4",
            files=("*.json", "*.txt", "*.safetensors", "*.model"),
            needs=(
                ("config.json",),
                _TENSORS,
                ("preprocessor_config.json",),
                ("tokenizer.json", "spiece.model"),
            ),
            megabytes=3500,
            gated=True,
            licence=_HAI_DEF,
            used_by="medx retrieve --encoder medsiglip",
        ),
        *(
            Model(
                name=name,
                summary=f"report engine: {what}",
                repository=f"google/{name}",
                revision=revision,
                files=("*.json", "*.safetensors", "*.model", "*.jinja"),
                needs=(
                    ("config.json",),
                    _TENSORS,
                    _PROCESSORS,
                    ("tokenizer.json", "tokenizer.model"),
                ),
                megabytes=8600,
                gated=True,
                licence=_HAI_DEF,
                used_by="medx report --engine medgemma",
            )
            for name, what, revision in (
                (
                    "medgemma-1.5-4b-it",
                    "MedGemma 1.5, 4B",
                    "91850547d9f0b2fdd21aa7c5f4f3d1a8a52c243b",
                ),
                ("medgemma-4b-it", "MedGemma 1, 4B", "290cda5eeccbee130f987c4ad74a59ae6f196408"),
            )
        ),
    )
}

#: Libraries whose own names are taken behind a colon.
LIBRARIES = {"timm": "timm:NAME", "open_clip": "open_clip:NAME/PRETRAINED"}


def find_model(name: str) -> Model:
    """Return the model of a name: one of the catalogue, ``timm:…`` or ``open_clip:…/…``.

    Raises:
        UnknownNameError: When there is none of that name.
        InputError: When its library says no repository for it.
    """
    library, _, member = name.partition(":")
    if library == "timm" and member:
        return _timm_model(member)
    if library == "open_clip" and member:
        return _open_clip_model(member)
    if name not in CATALOGUE:
        raise UnknownNameError("model", name, [*CATALOGUE, *LIBRARIES.values()])
    return CATALOGUE[name]


def _timm_model(member: str) -> Model:
    import timm

    if not timm.is_model(member):
        raise UnknownNameError("timm network", member, _near(member, timm.list_models()))
    config = timm.get_pretrained_cfg(member)
    repository = getattr(config, "hf_hub_id", None)
    if not repository:
        raise InputError(f"timm publishes no weights for {member}")
    return Model(
        name=f"timm:{member}",
        summary="timm network",
        repository=repository,
        files=("config.json", "model.safetensors"),
        needs=(("model.safetensors",),),
        licence=getattr(config, "license", None) or "not stated by timm",
        used_by=f"medx retrieve --encoder timm:{member}; medx classify --model {member}",
    )


def _open_clip_model(member: str) -> Model:
    from open_clip import pretrained

    name, _, tag = member.partition("/")
    config = pretrained.get_pretrained_cfg(name, tag)
    if not config:
        known = (f"{n}/{t}" for n, t in pretrained.list_pretrained())
        raise UnknownNameError("open_clip model", member, _near(member, known))
    repository, _, file = str(config.get("hf_hub", "")).rpartition("/")
    if not repository:
        raise InputError(f"open_clip publishes {member} in no repository of the hub")
    weights = (file,) if file else OPEN_CLIP_WEIGHTS
    return Model(
        name=f"open_clip:{member}",
        summary="open_clip model",
        repository=repository,
        files=("*.json", "*.txt", *weights),
        needs=(weights,),
        licence="not stated by open_clip: see the repository",
        used_by=f"medx retrieve --encoder open_clip:{member}",
    )


def _near(name: str, known: Iterable[str]) -> list[str]:
    """Return names like ``name``: the libraries know too many to list."""
    return difflib.get_close_matches(name, list(known), n=6, cutoff=0.4)
