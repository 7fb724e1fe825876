"""A schema registry, by Confluent's REST protocol: it gives the ids that stand in the records' heads.

Every schema is registered under TOPIC-value when the registry is first used. An id that we did not register
ourselves (another version of offhook did) is looked up once and known by its schema's fingerprint.
"""

import base64
import hashlib
import json
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import quote

from eventlog.kafka.bounds import REGISTRY_BYTES, REGISTRY_IDS, REGISTRY_S
from eventlog.kafka.errors import KafkaSettingError, UnavailableError
from eventlog.kafka.settings import KafkaSettings
from schemas import files
from schemas.framing import FramingError

_CONTENT: Final = "application/vnd.schemaregistry.v1+json"


_NOT_FOUND: Final = 404


class _NotFoundError(UnavailableError):
    """The registry does not have it."""


class Registry:
    """Ids of a registry and of schemas/avro/ids.json, each by the other."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Register the schemas; UnavailableError where the registry does not answer or refuses them."""
        assert settings.schema_registry_url
        self._url = settings.schema_registry_url.rstrip("/")
        if not self._url.startswith(("http://", "https://")):
            raise KafkaSettingError(
                f"kafka.schema_registry_url: {self._url} is no http:// or https:// address"
            )
        self._headers = _headers(settings)
        self._theirs = {topic: self._register(settings.topic(topic), topic) for topic in files.ids()}
        self._foreign: set[int] = set()
        self._ours = {theirs: files.ids()[topic] for topic, theirs in self._theirs.items()}

    def written(self, topic: str) -> int:
        """The registry's id of the schema that the topic is written with."""
        return self._theirs[topic]

    def known(self, theirs: int) -> int:
        """Our id of the registry's; FramingError where that schema is none of ours."""
        if theirs in self._foreign:
            raise FramingError(f"schema {theirs} of the registry is none that offhook ever wrote")
        if theirs not in self._ours:
            self._ours[theirs] = self._look_up(theirs)
        return self._ours[theirs]

    def _register(self, name: str, topic: str) -> int:
        answer = self._ask(
            f"/subjects/{quote(name, safe='')}-value/versions",
            {"schemaType": "AVRO", "schema": files.schema_text(topic)},
        )
        number = answer.get("id")
        if not isinstance(number, int) or not 0 <= number < 1 << 32:
            raise UnavailableError(f"schema registry {self._url}: gave no id for {name}-value")
        return number

    def _look_up(self, theirs: int) -> int:
        try:
            schema = self._ask(f"/schemas/ids/{theirs}").get("schema")
        except _NotFoundError:
            raise FramingError(f"the registry has no schema {theirs}") from None
        fingerprint = _fingerprint(schema) if isinstance(schema, str) else None
        for release in files.released().values():
            if release.fingerprint == fingerprint:
                return release.schema_id
        if len(self._foreign) < REGISTRY_IDS:
            self._foreign.add(theirs)
        raise FramingError(f"schema {theirs} of the registry is none that offhook ever wrote")

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers)
        try:
            with urllib.request.urlopen(request, timeout=REGISTRY_S) as response:
                answer = json.loads(response.read(REGISTRY_BYTES))
        except urllib.error.HTTPError as error:
            kind = _NotFoundError if error.code == _NOT_FOUND else UnavailableError
            reason = _said(error) or error.reason
            raise kind(f"schema registry {self._url}: {path}: {error.code} {reason}") from None
        except (OSError, ValueError) as error:
            why = error.reason if isinstance(error, urllib.error.URLError) else error
            raise UnavailableError(f"schema registry {self._url}: {why}") from None
        if not isinstance(answer, dict):
            raise UnavailableError(f"schema registry {self._url}: {path}: the answer is no JSON object")
        return answer


def _headers(settings: KafkaSettings) -> dict[str, str]:
    headers = {"Content-Type": _CONTENT, "Accept": _CONTENT}
    if settings.schema_registry_username:
        secret = f"{settings.schema_registry_username}:{settings.registry_secret() or ''}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    return headers


def _said(error: urllib.error.HTTPError) -> str:
    """What the registry says about its refusal."""
    try:
        message = json.loads(error.read(REGISTRY_BYTES)).get("message", "")
    except (OSError, ValueError, AttributeError):
        return ""
    return " ".join(str(message).split())[:300]


def _fingerprint(text: str) -> str | None:
    from avro.errors import AvroException
    from avro.schema import parse

    try:
        return hashlib.sha256(parse(text).canonical_form.encode()).hexdigest()
    except (AvroException, ValueError):
        return None
