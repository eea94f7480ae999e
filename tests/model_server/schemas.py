"""Values for JSON schemas, for fields and arguments on which a script says nothing."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["STRING", "Schema", "invent", "resolve"]

Schema = Mapping[str, Any]

STRING: Final[Schema] = {"type": "string"}
_SAID: Final = "Done."


def resolve(schema: Schema, root: Schema) -> Schema:
    """The schema that a reference names, if it is one; of alternatives the first that is not null."""
    if "$ref" in schema:
        return resolve(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return resolve(choice, root)
    return schema


def invent(schema: Schema, root: Schema | None = None) -> Any:
    """The plainest value that a schema allows."""
    root = schema if root is None else root
    if "default" in schema:
        return schema["default"]
    schema = resolve(schema, root)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    return _of_type(schema, root)


def _of_type(schema: Schema, root: Schema) -> Any:
    match schema.get("type", "string"):
        case "object":
            return {name: invent(schema["properties"][name], root) for name in schema.get("required", ())}
        case "array":
            return [invent(schema["items"], root) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _SAID.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]
