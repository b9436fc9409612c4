"""What fhir.resources does not check: value sets, references, check digits, the narrative."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from defusedxml import ElementTree

from reportgen.exports.codes import LOINC, SNOMED

_REPORT_STATUS = frozenset({
    "registered", "partial", "preliminary", "final", "amended", "corrected", "appended",
    "cancelled", "entered-in-error", "unknown",
})  # fmt: skip
_OBSERVATION_STATUS = frozenset({
    "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error",
    "unknown",
})  # fmt: skip
_BUNDLE_TYPES = frozenset({
    "document", "message", "transaction", "transaction-response", "batch", "batch-response",
    "history", "searchset", "collection",
})  # fmt: skip
_DEVICE_NAMES = frozenset({
    "udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name",
    "model-name", "other",
})  # fmt: skip
#: Values of elements bound to a required value set in R4B, by resource.
_REQUIRED = {
    ("Bundle", "type"): _BUNDLE_TYPES,
    ("DiagnosticReport", "status"): _REPORT_STATUS,
    ("Observation", "status"): _OBSERVATION_STATUS,
}
_NARRATIVE_STATUS = frozenset({"generated", "extensions", "additional", "empty"})
_XHTML = "{http://www.w3.org/1999/xhtml}"
_NARRATIVE_TAGS = frozenset(_XHTML + name for name in ("div", "p", "b", "ul", "li"))

_VERHOEFF_PRODUCT = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_TURN = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def check_bundle(bundle: dict[str, Any]) -> None:
    """Check what a JSON schema of FHIR leaves open.

    Raises:
        ValueError: When something is wrong; it says what.
    """
    names = [entry["fullUrl"] for entry in bundle["entry"]]
    if len(set(names)) < len(names):
        raise ValueError("two entries of the bundle share a fullUrl")
    for resource in (bundle, *(entry["resource"] for entry in bundle["entry"])):
        _check_resource(resource)
    for name, value in _walk(bundle):
        _check_element(name, value, names)


def luhn_holds(code: str) -> bool:
    """Return True when the digit after the dash is a LOINC code's check digit.

    >>> luhn_holds("18748-4"), luhn_holds("18748-5")
    (True, False)
    """
    digits, _, last = code.partition("-")
    if not digits.isdigit() or not last.isdigit():
        return False
    doubled = (int(d) * (2 - i % 2) for i, d in enumerate(reversed(digits)))
    return (sum(n // 10 + n % 10 for n in doubled) + int(last)) % 10 == 0


def verhoeff_holds(code: str) -> bool:
    """Return True when the last digit of a SNOMED CT identifier is its check digit.

    >>> verhoeff_holds("233604007"), verhoeff_holds("233604008")
    (True, False)
    """
    check = 0
    for i, digit in enumerate(reversed(code)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_TURN[i % 8][int(digit)])])
    return check == 0


def _check_resource(resource: dict[str, Any]) -> None:
    kind = resource["resourceType"]
    for (of, element), allowed in _REQUIRED.items():
        if of == kind and resource.get(element) not in allowed:
            raise ValueError(f"{kind}.{element} must be one of {sorted(allowed)}")
    for name in resource.get("deviceName", []):
        if name["type"] not in _DEVICE_NAMES:
            raise ValueError(f"Device.deviceName.type must be one of {sorted(_DEVICE_NAMES)}")
    if text := resource.get("text"):
        _check_narrative(text)


def _check_narrative(text: dict[str, str]) -> None:
    if text["status"] not in _NARRATIVE_STATUS:
        raise ValueError(f"a narrative's status must be one of {sorted(_NARRATIVE_STATUS)}")
    root = ElementTree.fromstring(text["div"])
    if root.tag != f"{_XHTML}div":
        raise ValueError("a narrative must be a div of XHTML")
    if foreign := {element.tag for element in root.iter()} - _NARRATIVE_TAGS:
        raise ValueError(f"a narrative must not hold {sorted(foreign)}")
    if not "".join(root.itertext()).strip():
        raise ValueError("a narrative must say something")


def _check_element(name: str, value: Any, names: list[str]) -> None:
    if name == "reference" and value not in names:
        raise ValueError(f"reference {value} points at nothing in the bundle")
    if name == "coding":
        for coding in value:
            _check_code(coding)
    if name == "presentedForm":
        for form in value:
            _check_base64(form["data"])


def _check_code(coding: dict[str, str]) -> None:
    system, code = coding["system"], coding["code"]
    if system == LOINC and not luhn_holds(code):
        raise ValueError(f"{code} is no LOINC code: its check digit is wrong")
    if system == SNOMED and not (code.isdigit() and verhoeff_holds(code)):
        raise ValueError(f"{code} is no SNOMED CT code: its check digit is wrong")


def _check_base64(data: str) -> None:
    try:
        base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise ValueError("presentedForm.data must be Base64") from error


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name, item
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)
