"""The schemas of events: what they accept the intake accepts, and the documents that carry them are sound."""

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from gateway.event_schemas import SENT, components, data_schema
from gateway.intake.events import EVENT_TYPES, KNOWN_TYPES, example_event
from gateway.views.asyncapi import document
from tests.gateway.conftest import Gateway

META_SCHEMA = Path(__file__).with_name("asyncapi-3.0.0.json.gz")
"""`schemas/3.0.0-without-$id.json` of npm's @asyncapi/specs 6.11.1 (Apache 2.0), as it is published."""
WITH_EXAMPLE = [name for name in KNOWN_TYPES if EVENT_TYPES[name].example]


def validator(name: str) -> jsonschema.Draft202012Validator:
    """Of one of the shared schemas."""
    whole = DRAFT202012.create_resource({"components": {"schemas": dict(components())}})
    registry: Registry[Any] = Registry().with_resource("urn:api", whole)
    return jsonschema.Draft202012Validator({"$ref": f"urn:api#/components/schemas/{name}"}, registry=registry)


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_an_example_holds_by_its_types_schema_and_a_wrong_quantity_does_not(name: str) -> None:
    event = example_event(name)
    assert [*validator(name).iter_errors(event)] == []
    assert [*validator("event").iter_errors(event)] == []
    data = {key: value for key, value in event["data"].items() if key not in ("plant", "order")}
    assert not validator(name).is_valid({**event, "data": data})
    assert not validator(name).is_valid({**event, "type": "another"})
    jsonschema.validate(event["data"], data_schema(name))


@pytest.mark.parametrize("name", [*KNOWN_TYPES, *SENT])
async def test_each_type_has_a_schema_of_its_own(gateway: Gateway, name: str) -> None:
    found = await gateway.client.get(f"/v1/event-schemas/{name}")
    assert found.headers["content-type"] == "application/schema+json"
    jsonschema.Draft202012Validator.check_schema(found.json())
    assert found.json() == data_schema(name)
    assert r"\p{" not in found.text


async def test_openapi_names_the_schema_of_every_event(gateway: Gateway) -> None:
    described = (await gateway.client.get("/openapi.json")).json()
    body = described["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    assert body["application/cloudevents+json"]["schema"] == {"$ref": "#/components/schemas/event"}
    assert set(described["webhooks"]) == set(SENT)
    for name in described["components"]["schemas"]["event"]["discriminator"]["mapping"]:
        assert f"{name}.data" in described["components"]["schemas"]
    assert r"\p{" not in json.dumps(described)


async def test_the_asyncapi_document_is_one_by_its_published_schema(gateway: Gateway) -> None:
    served = (await gateway.client.get("/v1/asyncapi.json")).json()
    assert served == document()
    assert set(served["components"]["messages"]) == {*KNOWN_TYPES, *SENT}
    jsonschema.Draft7Validator(json.loads(gzip.decompress(META_SCHEMA.read_bytes()))).validate(served)
    for reference in references(served):
        found: Any = served
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/")]


def references(document: Any) -> list[str]:
    if isinstance(document, list):
        return [each for part in document for each in references(part)]
    if not isinstance(document, dict):
        return []
    own = [document["$ref"]] if isinstance(document.get("$ref"), str) else []
    return own + [each for part in document.values() for each in references(part)]
