"""Texts that are no report: refusals, placeholders, empty sections, the prompt given back."""

from __future__ import annotations

import re

from reportgen.agreement.own_words import own_words
from reportgen.agreement.results import ReportWarning, WarningKind
from reportgen.evidence import Evidence
from reportgen.labeler.lexicon import load_lexicon
from reportgen.labeler.passages import find_passages

#: So many words in a row that stand in the prompt too are copied; a phrase of the evidence is not.
ECHO_WORDS = 25
#: A line of the prompt with so many words is no heading.
_LINE_WORDS = 4
_SHOWN = 6

_TASKS = (
    r"provide|interpret|analy[sz]e|assist|help|diagnose|offer|fulfil|comply|generate|write|view|"
    r"access|process|read|create|complete|describe|perform|make|answer"
)
_REFUSALS = re.compile(
    r"\bas an? (?:\w+ )?(?:ai\b|artificial|language model|large language)"
    rf"|\bI(?:'m| am)? (?:cannot|can't|can not|could not|won't|will not|unable to|not able to) "
    rf"(?:{_TASKS})"
    r"|\bI(?:'m| am) (?:very )?sorry\b"
    r"|\bI(?:'m| am) (?:only |just )?(?:an AI|a (?:large )?language model)"
    r"|\bI(?:'m| am) not a (?:doctor|physician|radiologist|medical)"
    r"|\bI (?:don't|do not) have (?:the )?(?:ability|access|capability|capacity)"
    r"|\bplease (?:consult|see|contact|seek|speak (?:to|with)|talk to)\b[^.\n]{0,40}\b(?:doctor|"
    r"physician|radiologist|professional|provider|specialist|advice)"
    r"|\b(?:not|no) (?:a )?(?:substitute|replacement) for (?:professional|medical|a |the )",
    re.I,
)
_PLACEHOLDERS = re.compile(
    r"<(?!/?(?:b|i|u|br|p|em|strong|sub|sup|unused)\b)[A-Za-z][^<>\n]{2,60}>"
    r"|\[(?:insert|your|describe|name of|text|findings?|impression|patient|date|to be|fill|"
    r"region|add|enter|see above)\b[^\]\n]*\]"
    r"|\blorem ipsum\b|\bTODO\b|\bTBD\b|\bplaceholder\b|\{\{|\}\}|\{%",
    re.I,
)
_NO_CONTENT = re.compile(r"\W*(?:n/?a|null|unknown|tbd|not applicable|string|text)?\W*", re.I)
_WANTED = frozenset({"findings", "finding", "impression", "conclusion"})


def find_refusal(text: str) -> list[ReportWarning]:
    """Return a warning when the text refuses, or sends the reader away, instead of reporting."""
    if match := _REFUSALS.search(text):
        words = f"reads like a refusal: “{' '.join(match[0].split())}”"
        return [ReportWarning(kind=WarningKind.refusal, text=words)]
    return []


def find_non_answer(text: str, evidence: Evidence, prompt: str = "") -> list[ReportWarning]:
    """Return warnings of empty sections, placeholders and the prompt given back."""
    found = []
    if not any(letter.isalpha() for letter in text):
        found.append("holds no words")
    elif empty := _empty_sections(text):
        found.append(f"says nothing under {' and '.join(empty)}")
    if match := _PLACEHOLDERS.search(text):
        found.append(f"holds a placeholder: “{match[0]}”")
    if copied := copied_words(own_words(text, evidence), prompt):
        found.append(f"repeats the prompt: “{copied} …”")
    return [ReportWarning(kind=WarningKind.non_answer, text=words) for words in found]


def copied_words(text: str, prompt: str) -> str:
    """Return the start of what ``text`` copies from the prompt; empty when nothing.

    Copied is a line of the prompt left to stand, or ``ECHO_WORDS`` of its words in a row.
    """
    asked = {tuple(part) for line in prompt.splitlines() for part in _parts(line)}
    for line in text.splitlines():
        for part in _parts(line):
            if len(part) >= _LINE_WORDS and tuple(part) in asked:
                return " ".join(part[:_SHOWN])
    words, prompted = _words(text), _words(prompt)
    count = len(prompted) - ECHO_WORDS + 1
    runs = {tuple(prompted[i : i + ECHO_WORDS]) for i in range(count)}
    for i in range(len(words) - ECHO_WORDS + 1):
        if tuple(words[i : i + ECHO_WORDS]) in runs:
            return " ".join(words[i : i + _SHOWN])
    return ""


def _parts(line: str) -> list[list[str]]:
    """Return the words of a line, and those after its first colon."""
    return [_words(line), _words(line.partition(":")[2])]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _empty_sections(text: str) -> list[str]:
    passages = find_passages(text, load_lexicon())
    told = {p.heading for p in passages if not _NO_CONTENT.fullmatch(text[p.start : p.end])}
    wanted = [p.heading for p in passages if p.heading in _WANTED]
    return [name for name in dict.fromkeys(wanted) if name not in told]
