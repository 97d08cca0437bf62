"""Every message of every context is frozen, bounded, small, and survives the wire."""

from __future__ import annotations

import inspect

import pytest
from pydantic import BaseModel, ValidationError
from temporalio.contrib.pydantic import pydantic_data_converter

import workflows.bridge.contracts
import workflows.cards.contracts
import workflows.marketplace.contracts
import workflows.retention.contracts
import workflows.store.contracts
from tests.helpers.messages import assert_bounded, largest
from workflows.message import Message

CONTEXTS = {
    "bridge": workflows.bridge.contracts,
    "cards": workflows.cards.contracts,
    "marketplace": workflows.marketplace.contracts,
    "retention": workflows.retention.contracts,
    "store": workflows.store.contracts,
}
MODELS = {
    f"{context} {name}": model
    for context, contracts in CONTEXTS.items()
    for name, model in inspect.getmembers(contracts, inspect.isclass)
    if issubclass(model, BaseModel) and model is not Message
}
MOST_BYTES = 256 * 2**10
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


@each_model
def test_no_field_is_unbounded(model: type[Message]) -> None:
    assert_bounded(model)


@each_model
async def test_the_largest_instance_is_small_and_survives_the_wire(model: type[Message]) -> None:
    schema = model.model_json_schema()
    instance = model.model_validate(largest(schema, schema.get("$defs", {})))
    [payload] = await pydantic_data_converter.encode([instance])
    assert len(payload.data) < MOST_BYTES
    assert await pydantic_data_converter.decode([payload], [model]) == [instance]


@each_model
def test_messages_are_frozen_and_take_fields_of_the_future(model: type[Message]) -> None:
    schema = model.model_json_schema()
    instance = model.model_validate({**largest(schema, schema.get("$defs", {})), "of_the_future": 1})
    with pytest.raises(ValidationError):
        setattr(instance, next(iter(model.model_fields)), None)


@pytest.mark.parametrize("context", CONTEXTS)
def test_every_context_has_messages(context: str) -> None:
    assert any(name.startswith(f"{context} ") for name in MODELS)
