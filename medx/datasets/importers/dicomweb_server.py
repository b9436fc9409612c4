"""A DICOMweb server: finding images (QIDO-RS) and fetching them (WADO-RS), within limits."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from dicomweb_client import DICOMwebClient

from medx.core.console import warn
from medx.core.dicom_deflate import read_bounded
from medx.core.errors import InputError
from medx.core.quiet import quiet
from medx.datasets.importers.multipart import only_part

T = TypeVar("T")

TOKEN_VARIABLE = "MEDX_DICOMWEB_TOKEN"
PAGE = 100
ATTEMPTS = 4
FIRST_WAIT = 0.5  # seconds; doubled each time
CONNECT_TIMEOUT, READ_TIMEOUT, LONGEST_RESPONSE = 10, 60, 600  # seconds
MAX_ANSWER, MAX_INSTANCE = 1 << 25, 1 << 29  # bytes of one response

#: As they are held, compressed or not.
_INSTANCES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_STUDY, _SERIES, _INSTANCE, _MODALITY = "0020000D", "0020000E", "00080018", "00080060"


class ServerGoneError(InputError):
    """A server that does not answer any more."""


class FetchError(Exception):
    """One thing that could not be fetched; says why without naming it."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which images to import.

    Args:
        modalities: DICOM codes (``CR``, ``DX``); none means all.
        study_date: ``YYYYMMDD`` or a range ``YYYYMMDD-YYYYMMDD``.
    """

    modalities: tuple[str, ...] = ()
    study_date: str | None = None


@dataclass(frozen=True)
class Found:
    """The UIDs of one instance; they stay between medx and the server."""

    study: str
    series: str
    instance: str
    modality: str


class DicomwebServer:
    """One DICOMweb service; the bearer token comes from ``MEDX_DICOMWEB_TOKEN``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = parts.netloc.rpartition("@")[2] + parts.path  # without a password
        self._url = url.rstrip("/")
        self._session = session = requests.Session()
        if token := os.environ.get(TOKEN_VARIABLE):
            session.auth = _bearer(token)
            if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1"}:
                warn("the access token travels unencrypted: use https")
        session.hooks["response"].append(_bound)
        # Its messages name UIDs.
        logging.getLogger("dicomweb_client").setLevel(logging.CRITICAL)
        try:
            self._client = DICOMwebClient(
                self._url, session=session, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
            )
        except ValueError as error:
            raise InputError(
                "--dicomweb takes the address of a DICOMweb service",
                hint="such as http://127.0.0.1:8042/dicom-web",
            ) from error
        self._client.set_http_retry_params(retry=False)  # it would repeat refused connections too

    def find(self, query: Query) -> Iterator[Found]:
        """Yield the instances a query selects, study by study.

        Raises:
            ServerGoneError: When the server does not answer.
            InputError: When it refuses, or does not speak DICOMweb.
        """
        try:
            yield from self._find_all(query)
        except FetchError as error:
            raise InputError(
                f"the search at {self.address} failed: {error}",
                hint="check the address: Orthanc's ends in /dicom-web",
            ) from None

    def fetch(self, found: Found) -> Any:
        """Return one instance as a pydicom dataset, compressed as the server holds it.

        Raises:
            FetchError: When the server has no such instance or sent something else.
            ServerGoneError: When it does not answer.
        """
        return self._ask(lambda: self._retrieve(found))

    def _retrieve(self, found: Found) -> Any:
        """Fetch and read an instance; the client would inflate a deflated one without a limit."""
        uids = (quote(uid, safe="") for uid in (found.study, found.series, found.instance))
        url = "{}/studies/{}/series/{}/instances/{}".format(self._url, *uids)
        response = self._session.get(
            url, headers={"Accept": _INSTANCES}, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
        )
        response.raise_for_status()
        part = only_part(response.headers.get("Content-Type", ""), response.content)
        return read_bounded("the instance", BytesIO(part))

    def _find_all(self, query: Query) -> Iterator[Found]:
        for study in self._find_studies(query):
            for series in self._pages(
                self._client.search_for_series, _SERIES, study_instance_uid=study
            ):
                modality = _value(series, _MODALITY)
                if query.modalities and modality not in query.modalities:
                    continue
                uid = _value(series, _SERIES)
                for instance in self._pages(
                    self._client.search_for_instances, _INSTANCE,
                    study_instance_uid=study, series_instance_uid=uid,
                ):  # fmt: skip
                    yield Found(study, uid, _value(instance, _INSTANCE), modality)

    def _find_studies(self, query: Query) -> Iterator[str]:
        seen = set()
        for modality in query.modalities or (None,):
            wanted = {"StudyDate": query.study_date, "ModalitiesInStudy": modality}
            filters = {name: value for name, value in wanted.items() if value}
            for study in self._pages(
                self._client.search_for_studies, _STUDY, search_filters=filters
            ):
                if (uid := _value(study, _STUDY)) not in seen:
                    seen.add(uid)
                    yield uid

    def _pages(
        self, search: Callable[..., list[dict[str, Any]]], key: str, **arguments: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield all matches of a search; a server that ignores ``offset`` ends it."""
        seen: set[str] = set()
        while True:
            page = self._ask(partial(search, limit=PAGE, offset=len(seen), **arguments))
            fresh = {_value(match, key): match for match in page if isinstance(match, dict)}
            fresh = {uid: match for uid, match in fresh.items() if uid and uid not in seen}
            yield from fresh.values()
            seen |= fresh.keys()
            if len(page) < PAGE or not fresh:
                return

    def _ask(self, call: Callable[[], T]) -> T:
        """Make one request; wait and try again where that may help."""
        for wait in (*(FIRST_WAIT * 2**n for n in range(ATTEMPTS - 1)), None):
            try:
                with quiet():
                    return call()
            except Exception as error:  # besides the network's, whatever parsers raise
                if wait is None or not _may_pass(error):
                    raise self._explained(error) from None  # its own words quote UIDs
            time.sleep(wait * random.uniform(0.75, 1.25))
        raise AssertionError("unreachable")

    def _explained(self, error: Exception) -> Exception:
        """Return an error in our own words, which name neither patient nor UID."""
        if isinstance(error, requests.HTTPError):
            status = error.response.status_code
            if status in {401, 403}:
                return InputError(
                    f"{self.address} refuses access (HTTP {status})",
                    hint=f"set {TOKEN_VARIABLE} to a valid bearer token",
                )
            return FetchError(f"the server answered HTTP {status}")
        if isinstance(error, _TooLargeError | InputError):
            return FetchError(str(error))
        if isinstance(error, requests.ConnectionError | requests.Timeout):
            why = "timed out" if isinstance(error, requests.Timeout) else "connection failed"
            why = "connection refused" if _is_refused(error) else why
            return ServerGoneError(
                f"cannot reach the DICOMweb server at {self.address}: {why}",
                hint="check the address and that the server runs",
            )
        return FetchError(f"its answer is not what DICOMweb sends ({type(error).__name__})")


class _TooLargeError(Exception):
    """A response beyond the limits."""


class _Bounded:
    """A response's byte stream that ends with an error beyond a size or time."""

    def __init__(self, raw: Any, limit: int) -> None:
        self._raw, self._limit = raw, limit
        self._deadline = time.monotonic() + LONGEST_RESPONSE

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:
        received = 0
        for chunk in self._raw.stream(amount, decode_content=decode_content):
            received += len(chunk)
            if received > self._limit:
                raise _TooLargeError(f"the answer is larger than {self._limit >> 20} MiB")
            if time.monotonic() > self._deadline:
                raise _TooLargeError(f"the answer took longer than {LONGEST_RESPONSE} s")
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def _bound(response: Any, **_: Any) -> None:
    """Limit how much of a response is read; runs before any of it is."""
    is_json = "json" in response.request.headers.get("Accept", "")
    response.raw = _Bounded(response.raw, MAX_ANSWER if is_json else MAX_INSTANCE)


def _bearer(token: str) -> Callable[[Any], Any]:
    """Return what adds a token to requests; requests drops it again on the way to another host."""

    def add(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return add


def _may_pass(error: Exception) -> bool:
    """Return True for failures that are worth another try."""
    if isinstance(error, requests.HTTPError):
        return error.response.status_code in _RETRIED
    return isinstance(error, requests.ConnectionError | requests.Timeout) and not _is_refused(error)


def _is_refused(error: Exception) -> bool:
    return "refused" in str(error).lower()


def _value(match: dict[str, Any], tag: str) -> str:
    """Return the first value of an attribute in DICOM JSON."""
    try:
        return str(match[tag]["Value"][0])
    except (KeyError, IndexError, TypeError):
        return ""
