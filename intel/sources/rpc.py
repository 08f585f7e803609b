"""What does a node answer, however it stumbles, and how is it asked without giving its key away?

Batches of requests over HTTP with retries. The bodies of answers stay bytes: what they hold is read in bulk, in SQL.
"""

from __future__ import annotations

import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from intel.errors import DownloadError, UsageError

Call = tuple[str, list[Any]]  # method and parameters

_RETRIED = frozenset((408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524))
_BUSY = re.compile(
    r"rate.?limit|limit exceeded|too many requests|capacity|busy|overload|time.?out|timed out|temporar|try again", re.I
)
_TOO_MUCH = re.compile(
    r"too large|too many (?:results|logs|blocks)|more than \d|block range|range (?:is )?too|response size"
    r"|query returned|query timeout|exceeds? (?:the )?(?:max|limit of)|limited to|max(?:imum)? range",
    re.I,
)
_UNKNOWN_METHOD = re.compile(
    r"not (?:found|supported|available|exist|allowed)|unknown|unsupported|disabled|not whitelisted", re.I
)
_SUSPECT = re.compile(rb'"error"\s*:\s*\{|"result"\s*:\s*null')
_LOGGERS = (
    "urllib3.connectionpool",
    "web3.providers.HTTPProvider",
    "web3._utils.http_session_manager.HTTPSessionManager",
)
_LONGEST_WAIT = 120.0


class NodeError(DownloadError):
    """The node answered with an error, or not at all; `code` is that of JSON-RPC where it gave one."""

    def __init__(self, message: str, hint: str = "", *, code: int | None = None, text: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
        self.text = text

    @property
    def is_unknown_method(self) -> bool:
        """Say whether the node does not have the method at all."""
        return self.code in (-32601, -32004) or bool(_UNKNOWN_METHOD.search(self.text))

    @property
    def is_too_much(self) -> bool:
        """Say whether the node would answer a smaller question of the same kind."""
        return bool(_TOO_MUCH.search(self.text))


class SilentNode(NodeError):
    """The node gave no usable answer, however often it was asked."""


class MissingAnswer(SilentNode):
    """The node knows no such block yet, or no longer: its answer is null."""


class _RawProvider(HTTPProvider):
    """web3's provider, whose answers are left as the bytes they came in."""

    @staticmethod
    def decode_rpc_response(raw_response: bytes) -> Any:
        return raw_response


class _Redaction(logging.Filter):
    """Takes the secret parts of a node's URL out of what the libraries below log."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if any(secret in text for secret in self._secrets):
            record.msg, record.args = redact(text, self._secrets), ()
        return True


def redact(text: str, secrets: Sequence[str]) -> str:
    """Return the text with every secret replaced by `***`."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def find_secrets(url: str) -> tuple[str, ...]:
    """Return the parts of a URL that may hold a key, longest first: all but scheme, host and port."""
    parts = urlsplit(url)
    userinfo = parts.netloc.rpartition("@")[0]
    found = {userinfo, parts.password or "", parts.username or "", parts.path, parts.query, parts.fragment}
    found |= {parts.path.strip("/"), *parts.path.split("/")}
    found |= {value for pair in parts.query.split("&") for value in (pair, pair.partition("=")[2])}
    return tuple(sorted((one for one in found if len(one.strip("/")) >= 4), key=lambda one: (-len(one), one)))


@dataclass
class Node:
    """A JSON-RPC node. `workers` requests run at once; `seconds_waited` sums what all of them took."""

    url: str
    timeout: float = 60.0
    retries: int = 6
    workers: int = 4
    pause: float = 0.5  # seconds before the first retry, doubled at each next one
    can_batch: bool = True
    requests_sent: int = 0
    bytes_read: int = 0
    seconds_waited: float = 0.0
    seconds_busy: float = 0.0  # in which a request was under way, or several
    _under_way: int = 0
    _busy_since: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                "a node is named by its http:// or https:// URL", "for example http://localhost:8545; ws:// is not read"
            )
        self.host = parts.hostname
        self.secrets = find_secrets(self.url)
        if self.secrets:
            for name in _LOGGERS:
                logging.getLogger(name).addFilter(_Redaction(self.secrets))
        self._provider = _RawProvider(
            self.url, request_kwargs={"timeout": self.timeout}, exception_retry_configuration=None
        )
        self._pool = ThreadPoolExecutor(max_workers=self.workers, thread_name_prefix="rpc")

    def __repr__(self) -> str:
        return f"Node({self.host})"

    @property
    def source(self) -> str:
        """Name of this node as a source: never more than its host."""
        return f"rpc {re.sub(r'[^A-Za-z0-9.:-]', '_', self.host)}"

    def close(self) -> None:
        """End the threads; requests under way are waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def call(self, method: str, *params: Any) -> Any:
        """Return the result of one request, null as it is; raises NodeError."""
        answer = self.ask([(method, list(params))])[0]
        if "error" in answer:
            raise self._refusal(method, answer["error"])
        return answer.get("result")

    def ask(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
        """Return one answer per call, in their order; an error is an answer too, so that one does not spoil all."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(calls), 100 if self.can_batch else 1):
            found += self._ask_once(calls[start : start + (100 if self.can_batch else 1)])
        return found

    def _ask_once(self, calls: Sequence[Call]) -> list[dict[str, Any]]:
        def read(body: bytes) -> list[dict[str, Any]]:
            answers = self._read_envelopes(body, calls)
            for answer in answers:
                error = answer.get("error")
                if error and _is_busy(error):
                    raise _Again(f"{calls[0][0]}: {_error_text(error)}")
            return answers

        return cast("list[dict[str, Any]]", self._retry(calls, read))

    def fetch(self, calls: Sequence[Call], *, size: int) -> list[bytes]:
        """Return the bodies of batches of `size` calls, each a JSON list of answers in any order, none an error.

        Raises MissingAnswer where a result is null, NodeError where the node refuses.
        """
        step = size if self.can_batch else 1
        parts = [calls[start : start + step] for start in range(0, len(calls), step)]
        return list(self._pool.map(self._fetch_part, parts))

    def _fetch_part(self, calls: Sequence[Call]) -> bytes:
        try:
            return cast("bytes", self._retry(calls, lambda body: self._check_body(body, calls)))
        except NodeError as error:
            # What is too much in one answer may be fine in two.
            if len(calls) == 1 or isinstance(error, MissingAnswer) or not error.is_too_much:
                raise
        half = len(calls) // 2
        return b"[" + self._fetch_part(calls[:half])[1:-1] + b"," + self._fetch_part(calls[half:])[1:-1] + b"]"

    def _check_body(self, body: bytes, calls: Sequence[Call]) -> bytes:
        """Return the body as a JSON list. Only what looks suspicious is parsed here: parsing is the costly part."""
        bare = body.strip()
        if bare[:1] == b"{":
            bare = b"[" + bare + b"]"
        if bare[:1] != b"[" or bare[-2:] != b"}]":
            raise _Again(f"{calls[0][0]}: the answer is not JSON: {redact(_show(body), self.secrets)}")
        is_suspect = b'"result":null' in bare or b'"result": null' in bare or b'"error"' in bare
        if not (is_suspect and _SUSPECT.search(bare)) and bare.count(b'"jsonrpc"') == len(calls):
            return bare
        for (method, params), answer in zip(calls, self._read_envelopes(bare, calls), strict=True):
            if "error" in answer:
                if _is_busy(answer["error"]):
                    raise _Again(f"{method}: {_error_text(answer['error'])}")
                raise self._refusal(method, answer["error"])
            if answer.get("result") is None:
                raise _Null(f"{method}({', '.join(str(one) for one in params[:1])}): the node has no answer yet")
        return bare

    def _read_envelopes(self, body: bytes, calls: Sequence[Call]) -> list[dict[str, Any]]:
        """Return the answers in the order of the calls, whatever order the node chose."""
        try:
            parsed = json.loads(body)
        except ValueError:
            shown = redact(_show(body), self.secrets)
            raise _Again(f"{calls[0][0]}: the answer is not JSON: {shown}") from None
        if isinstance(parsed, dict):
            if len(calls) > 1:  # one error stands for the whole batch
                raise self._refusal(calls[0][0], parsed.get("error", {"message": "no list of answers for a batch"}))
            parsed = [parsed]
        if not isinstance(parsed, list) or len(parsed) != len(calls) or not all(isinstance(a, dict) for a in parsed):
            raise _Again(f"{calls[0][0]}: not one answer for each of {len(calls)} requests")
        if all(isinstance(answer.get("id"), int) for answer in parsed):  # our ids are numbers that grow
            parsed.sort(key=lambda answer: answer["id"])
            if len({answer["id"] for answer in parsed}) != len(calls):
                raise _Again(f"{calls[0][0]}: two answers for one request")
        return cast("list[dict[str, Any]]", parsed)

    def _refusal(self, method: str, error: Any) -> NodeError:
        code = error.get("code") if isinstance(error, dict) else None
        text = redact(_error_text(error), self.secrets)
        return NodeError(
            f"the node at {self.host} refused {method}: {text}",
            "see whether the node keeps this part of history and allows this method",
            code=code if isinstance(code, int) else None, text=text,
        )  # fmt: skip

    def _retry(self, calls: Sequence[Call], read: Callable[[bytes], Any]) -> Any:
        """Send until an answer can be read; waits as the node says (Retry-After), else longer each time."""
        for attempt in range(self.retries + 1):
            try:
                return read(self._send(calls))
            except _Again as again:
                if attempt == self.retries:
                    kind = MissingAnswer if isinstance(again, _Null) else SilentNode
                    raise kind(
                        f"the node at {self.host} gave no usable answer after {attempt + 1} tries: {again}",
                        "try again later, or with smaller batches (--batch) and fewer at once (--workers)",
                        text=str(again),
                    ) from None
                backoff = self.pause * 2**attempt * (1 + random.random() / 4)  # noqa: S311  # nosec B311
                self.sleep(min(again.wait if again.wait is not None else backoff, _LONGEST_WAIT))
        raise AssertionError("the last attempt returns or raises")

    def _send(self, calls: Sequence[Call]) -> bytes:
        start = time.perf_counter()
        with self._lock:
            self._busy_since = self._busy_since if self._under_way else start
            self._under_way += 1
        try:
            if len(calls) > 1:
                asked = [(RPCEndpoint(method), params) for method, params in calls]
                body = cast("bytes", self._provider.make_batch_request(asked))
            else:
                body = cast("bytes", self._provider.make_request(RPCEndpoint(calls[0][0]), calls[0][1]))
        except requests.HTTPError as error:
            raise self._failure(error, calls) from None  # its text holds the whole URL
        except requests.RequestException as error:
            raise _Again(f"{calls[0][0]}: {_kind_of(error)}") from None
        finally:
            with self._lock:
                self.requests_sent += 1
                self.seconds_waited += time.perf_counter() - start
                self._under_way -= 1
                self.seconds_busy += 0.0 if self._under_way else time.perf_counter() - self._busy_since
        with self._lock:
            self.bytes_read += len(body)
        return body

    def _failure(self, error: requests.HTTPError, calls: Sequence[Call]) -> Exception:
        response = error.response
        assert response is not None  # raise_for_status gives it along
        status = response.status_code
        if status in _RETRIED:
            return _Again(f"{calls[0][0]}: HTTP status {status}", _read_wait(response.headers.get("Retry-After")))
        said = redact(_show(response.content), self.secrets)
        hint = "check the key in the URL" if status in (401, 403) else "check the URL"
        return NodeError(
            f"the node at {self.host} answered {calls[0][0]} with HTTP status {status}: {said}", hint, text=said
        )


class _Again(Exception):
    """An answer that another try may better."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class _Null(_Again):
    """A null where there should be a result: the node may be a moment behind."""


def _read_wait(header: str | None) -> float | None:
    """Read Retry-After: seconds, or a date; None where it says nothing."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _kind_of(error: requests.RequestException) -> str:
    """Name a failure without its text, in which the URL stands."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer broke off"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return type(error).__name__


def _is_busy(error: Any) -> bool:
    code = error.get("code") if isinstance(error, dict) else None
    text = _error_text(error)
    return not _TOO_MUCH.search(text) and (code in (429, -32005, -32097) or bool(_BUSY.search(text)))


def _error_text(error: Any) -> str:
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]


def _show(body: bytes) -> str:
    return repr(body[:80].decode("utf-8", "replace"))
